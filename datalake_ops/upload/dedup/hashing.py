"""What tells two contents apart: the SHA-256 of a file, computed while it is read."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

# Bytes hashed at a time; the interpreter is free for other threads meanwhile.
SLICE_BYTES = 1024 * 1024
# Slices that a thread hashes before somebody may cancel it.
_SLICES = 4
# Files that are hashed at the same time: in the order in which they came, so that the first ones can soon be sent.
_FILES = 4


class Readable(Protocol):
    """A file that was looked at."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    @property
    def content(self) -> bytes | None:
        """The whole of it, where it is small."""

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end`; blocks."""


def fingerprint(file: Readable) -> str:
    """The SHA-256 of a file in lower-case hexadecimal; blocks, and holds one slice of it at a time.

    Raises:
        InvalidFileError: the file changed or vanished since it was first looked at.
    """
    if file.content is not None:
        return hashlib.sha256(file.content).hexdigest()
    digest = hashlib.sha256()
    _add(digest, file, 0, file.size)
    return digest.hexdigest()


class Hasher:
    """Computes fingerprints in threads of its own: what is on its way to the storage never queues behind them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_FILES, thread_name_prefix="datalake-ops-hash")
        self._turns = asyncio.Semaphore(_FILES)

    async def fingerprint(self, file: Readable) -> str:
        """The same as `fingerprint`, without blocking; ends soon when it is cancelled.

        Raises:
            InvalidFileError: the file changed or vanished since it was first looked at.
        """
        loop, digest = asyncio.get_running_loop(), hashlib.sha256()
        stride = _SLICES * SLICE_BYTES
        async with self._turns:
            for start in range(0, file.size, stride):
                end = min(start + stride, file.size)
                await loop.run_in_executor(self._threads, _add, digest, file, start, end)
        return digest.hexdigest()

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _add(digest: Any, file: Readable, start: int, end: int) -> None:
    for at in range(start, end, SLICE_BYTES):
        digest.update(file.read(at, min(at + SLICE_BYTES, end)))
