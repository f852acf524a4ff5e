"""What tells two contents apart: the SHA-256 of a file, computed while it is read."""

from __future__ import annotations

import hashlib
from typing import Protocol

# Bytes hashed at a time; the interpreter is free for other threads meanwhile.
SLICE_BYTES = 1024 * 1024


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
    for start in range(0, file.size, SLICE_BYTES):
        digest.update(file.read(start, min(start + SLICE_BYTES, file.size)))
    return digest.hexdigest()
