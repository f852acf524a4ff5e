"""Single-flight map of uploads by content: within one run, a content is sent once and the other files wait for it."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from uuid import UUID

from datalake_ops.upload.sources.hash_set import text_hash
from datalake_ops.wire.data import Data

# A file by its name and its content.
Claim = tuple[str, str]
# Some hundred claims each in a run of a million files, so that an insertion takes no time.
_BUCKETS = 4096
_ID_BYTES = 16


class SingleFlight:
    """Claims of the files that are being sent; with `remembers` also the data of those that ended: 24 bytes a file."""

    def __init__(self, remembers: bool = True) -> None:
        self._in_flight: dict[Claim, asyncio.Future[Data | None]] = {}
        self._ended = _IdMap() if remembers else None

    def ended(self, claim: Claim) -> UUID | None:
        """Return the data of an earlier file of this claim; None when there is none, or it is still being sent."""
        return self._ended.get(claim) if self._ended is not None else None

    async def claim(self, claim: Claim) -> Data | None:
        """Wait for a file of this claim that is being sent and return its data.

        None gives the claim to the caller, who sends the file and then calls `done`.
        """
        while (in_flight := self._in_flight.get(claim)) is not None:
            # One that stops waiting must not take the others' answer with it.
            data = await asyncio.shield(in_flight)
            if data is not None:
                return data
        self._in_flight[claim] = asyncio.get_running_loop().create_future()
        return None

    def done(self, claim: Claim, data: Data | None) -> None:
        """Release a claim, with the data of its file, or with None so that another file may try."""
        if data is not None and self._ended is not None:
            self._ended.put(claim, data.id)
        in_flight = self._in_flight.pop(claim, None)
        if in_flight is not None:
            in_flight.set_result(data)


class _IdMap:
    """Ids by the hashes of their claims, each bucket sorted."""

    def __init__(self) -> None:
        self._hashes: list[array[int]] = [array("Q") for _ in range(_BUCKETS)]
        self._ids = [bytearray() for _ in range(_BUCKETS)]

    def put(self, claim: Claim, data_id: UUID) -> None:
        bucket, wanted, at = self._position(claim)
        self._hashes[bucket].insert(at, wanted)
        self._ids[bucket][at * _ID_BYTES : at * _ID_BYTES] = data_id.bytes

    def get(self, claim: Claim) -> UUID | None:
        bucket, wanted, at = self._position(claim)
        if at == len(self._hashes[bucket]) or self._hashes[bucket][at] != wanted:
            return None
        return UUID(bytes=bytes(self._ids[bucket][at * _ID_BYTES : (at + 1) * _ID_BYTES]))

    def _position(self, claim: Claim) -> tuple[int, int, int]:
        wanted = text_hash("\0".join(claim))
        bucket = wanted % _BUCKETS
        return bucket, wanted, bisect_left(self._hashes[bucket], wanted)
