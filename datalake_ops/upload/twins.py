"""Files of one content on their way at the same time: one goes, the others wait for how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from datalake_ops.wire.data import Data


class Twins:
    """Who is on the way with what, within one run."""

    def __init__(self) -> None:
        self._going: dict[Hashable, asyncio.Future[Data | None]] = {}

    async def claim(self, key: Hashable) -> Data | None:
        """The data that another file of this key became meanwhile; None: the caller goes now, and calls `done`."""
        while (going := self._going.get(key)) is not None:
            # One that stops waiting must not take the others' answer with it.
            data = await asyncio.shield(going)
            if data is not None:
                return data
        self._going[key] = asyncio.get_running_loop().create_future()
        return None

    def done(self, key: Hashable, data: Data | None) -> None:
        """The one that went has ended: with its data, or without one, and then another may try."""
        going = self._going.pop(key, None)
        if going is not None:
            going.set_result(data)
