"""Streaming between a connection and the disk, with disk access kept off the event loop."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO, TypeVar

from anyio import to_thread

from datalake_ops.platform.objects.folder_store import StagedFile
from datalake_ops.platform.objects.ranges import ByteRange

T = TypeVar("T")

BUFFER_BYTES = 1024 * 1024


class TooLargeError(ValueError):
    """The upload exceeds the size it was signed for."""


class UploadSink:
    """Buffers up to 1 MiB, then writes it in a worker thread: a small file costs one hand-over."""

    def __init__(self, staged: StagedFile, max_bytes: int) -> None:
        self._staged = staged
        self._left = max_bytes
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._digest = hashlib.md5(usedforsecurity=False)

    async def add(self, chunk: bytes) -> None:
        """Add bytes; raises TooLargeError once they exceed the limit."""
        self._left -= len(chunk)
        if self._left < 0:
            raise TooLargeError(f"The upload is larger than the {self._max_bytes} bytes it was signed for.")
        self._buffer += chunk
        if len(self._buffer) >= BUFFER_BYTES:
            await to_thread.run_sync(self._flush)

    async def finish(self, and_then: Callable[[str], T]) -> T:
        """Write the rest, then call `and_then` with the MD5 of the content, in the same worker thread call."""
        return await to_thread.run_sync(lambda: self._finish(and_then))

    def _finish(self, and_then: Callable[[str], T]) -> T:
        self._flush()
        return and_then(self._digest.hexdigest())

    def _flush(self) -> None:
        self._digest.update(self._buffer)
        self._staged.write(bytes(self._buffer))
        self._buffer.clear()


async def stream_range(file: BinaryIO, byte_range: ByteRange) -> AsyncIterator[bytes]:
    """Stream the bytes of a range; closes the file at the end, also when the reader disconnects."""
    try:
        file.seek(byte_range.start)
        left = byte_range.length
        while left > 0:
            chunk = await to_thread.run_sync(file.read, min(left, BUFFER_BYTES))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk
    finally:
        file.close()
