"""Long bodies on their way to a storage, and the end of those that it does not take any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Coroutine
from typing import Any, TypeVar

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

T = TypeVar("T")
_SWEEP = 0.5


class StreamedBody(Payload):
    """The pieces of a body, and since when the connection takes none of them.

    aiohttp's own timeouts begin when the body is written: a storage that stops to read, and keeps the connection, would
    be waited for without end.
    """

    def __init__(self, pieces: AsyncIterable[bytes], size: int) -> None:
        super().__init__(pieces)
        self._size = size
        self._writer: AbstractStreamWriter | None = None
        self._unsent = 0
        self._moved_at: float | None = None

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write every piece."""
        self._writer = writer
        async for piece in self._value:
            self._moved_at = time.monotonic()
            await writer.write(piece)
            # While the next piece is read nobody waits for the storage.
            self._moved_at = None

    @property
    def consumed(self) -> bool:
        """Whether it was begun: aiohttp would send it again by itself, and tell nobody."""
        return self._writer is not None

    @property
    def autoclose(self) -> bool:
        """It holds nothing that has to be closed."""
        return True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Not offered: the body is longer than memory should hold.

        Raises:
            TypeError: always.
        """
        raise TypeError("A streamed body has no text.")

    def silence(self, now: float) -> float:
        """Seconds, up to `now` (monotonic), in which the connection took nothing of what it was given."""
        transport = self._transport
        unsent = transport.get_write_buffer_size() if transport is not None else 0
        if unsent < self._unsent and self._moved_at is not None:
            # Slow, and yet under way.
            self._moved_at = now
        self._unsent = unsent
        return 0.0 if self._moved_at is None else now - self._moved_at

    def abort(self) -> None:
        """End the connection at once; to close it would wait until what is unsent is taken."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def _transport(self) -> Any:
        return getattr(self._writer, "transport", None)


async def watched(sending: Coroutine[Any, Any, T], body: StreamedBody, longest_silence: float) -> T:
    """What `sending` returns, unless its body stands still for `longest_silence` seconds: then it is cancelled.

    Raises:
        TimeoutError: it was.
    """
    task = asyncio.ensure_future(sending)
    try:
        while not (await asyncio.wait({task}, timeout=min(_SWEEP, longest_silence / 4)))[0]:
            if body.silence(time.monotonic()) > longest_silence:
                raise TimeoutError(f"nothing was taken for {longest_silence:g} s")
        return task.result()
    finally:
        if not task.done():
            body.abort()
            task.cancel()
            await asyncio.wait({task})
