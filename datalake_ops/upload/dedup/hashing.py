"""SHA-256 of files, computed while they are read."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

# Bytes hashed at a time; the interpreter is free for other threads meanwhile.
SLICE_BYTES = 1024 * 1024
# Slices that a thread hashes before a cancellation takes effect.
_SLICES = 4
# Files that are hashed at the same time: in the order in which they came, so that the first ones can soon be sent.
_FILES = 4


class HashableFile(Protocol):
    """An open file, as far as it is hashed."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    @property
    def content(self) -> bytes | None:
        """The whole content of a small file."""

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end`; blocks."""


def sha256_of(file: HashableFile) -> str:
    """Return the SHA-256 of a file in lower-case hexadecimal; blocks, and holds one slice of it at a time.

    Raises:
        InvalidFileError: the file changed or vanished since it was opened.
    """
    if file.content is not None:
        return hashlib.sha256(file.content).hexdigest()
    digest = hashlib.sha256()
    _add(digest, file, 0, file.size)
    return digest.hexdigest()


class Hasher:
    """Hashes files in threads of its own, so that bodies on their way to the storage never queue behind them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_FILES, thread_name_prefix="datalake-ops-hash")
        self._slots = asyncio.Semaphore(_FILES)

    async def sha256_of(self, file: HashableFile) -> str:
        """Return the SHA-256 of a file without blocking; ends soon when it is cancelled.

        Raises:
            InvalidFileError: the file changed or vanished since it was opened.
        """
        loop, digest = asyncio.get_running_loop(), hashlib.sha256()
        stride = _SLICES * SLICE_BYTES
        async with self._slots:
            for start in range(0, file.size, stride):
                end = min(start + stride, file.size)
                await loop.run_in_executor(self._threads, _add, digest, file, start, end)
        return digest.hexdigest()

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _add(digest: Any, file: HashableFile, start: int, end: int) -> None:
    for at in range(start, end, SLICE_BYTES):
        digest.update(file.read(at, min(at + SLICE_BYTES, end)))
