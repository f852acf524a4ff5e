"""Files of one content within one run: one goes, and the others are what it becomes."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from uuid import UUID

from datalake_ops.upload.compact_set import mark
from datalake_ops.wire.data import Data

# A file by its name and its content.
Claim = tuple[str, str]
# Some hundred claims each in a run of a million files, so that it takes no time to put one more among them.
_BUCKETS = 4096
_ID_BYTES = 16


class SingleFlight:
    """Who is on the way with what, and with `remembers` what became of those that arrived: 24 bytes a file."""

    def __init__(self, remembers: bool = True) -> None:
        self._going: dict[Claim, asyncio.Future[Data | None]] = {}
        self._ended = _Ended() if remembers else None

    def ended(self, claim: Claim) -> UUID | None:
        """The data that an earlier file of this claim became; None: there was none, or it is still on its way."""
        return self._ended.get(claim) if self._ended is not None else None

    async def claim(self, claim: Claim) -> Data | None:
        """The data that another file of this claim became meanwhile; None: the caller goes now, and calls `done`."""
        while (going := self._going.get(claim)) is not None:
            # One that stops waiting must not take the others' answer with it.
            data = await asyncio.shield(going)
            if data is not None:
                return data
        self._going[claim] = asyncio.get_running_loop().create_future()
        return None

    def done(self, claim: Claim, data: Data | None) -> None:
        """The one that went has ended: with its data, or without one, and then another may try."""
        if data is not None and self._ended is not None:
            self._ended.put(claim, data.id)
        going = self._going.pop(claim, None)
        if going is not None:
            going.set_result(data)


class _Ended:
    """Ids by the marks of their claims, each bucket sorted."""

    def __init__(self) -> None:
        self._marks: list[array[int]] = [array("Q") for _ in range(_BUCKETS)]
        self._ids = [bytearray() for _ in range(_BUCKETS)]

    def put(self, claim: Claim, data_id: UUID) -> None:
        bucket, wanted, at = self._place(claim)
        self._marks[bucket].insert(at, wanted)
        self._ids[bucket][at * _ID_BYTES : at * _ID_BYTES] = data_id.bytes

    def get(self, claim: Claim) -> UUID | None:
        bucket, wanted, at = self._place(claim)
        if at == len(self._marks[bucket]) or self._marks[bucket][at] != wanted:
            return None
        return UUID(bytes=bytes(self._ids[bucket][at * _ID_BYTES : (at + 1) * _ID_BYTES]))

    def _place(self, claim: Claim) -> tuple[int, int, int]:
        wanted = mark("\0".join(claim))
        bucket = wanted % _BUCKETS
        return bucket, wanted, bisect_left(self._marks[bucket], wanted)
