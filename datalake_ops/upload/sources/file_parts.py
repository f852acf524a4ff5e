"""Parts of a file in a multipart upload: pure arithmetic on sizes."""

from __future__ import annotations

from dataclasses import dataclass

from datalake_ops.wire.uploads import PART_BYTES

# More parts of one file at a time would starve the other files of the upload.
PARTS_AT_ONCE = 8


@dataclass(frozen=True)
class FilePart:
    """Byte range of a file: its number from 1, and the bytes from `start` up to, not including, `end`."""

    number: int
    start: int
    end: int

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.end - self.start


def is_large(size: int) -> bool:
    """Return True if a file of `size` bytes is sent in parts."""
    return size > PART_BYTES


def file_parts(size: int, part_bytes: int = PART_BYTES) -> list[FilePart]:
    """Return the parts of a file of `size` bytes: in order, each full but the last, none empty."""
    starts = range(0, size, part_bytes)
    return [FilePart(number, start, min(start + part_bytes, size)) for number, start in enumerate(starts, 1)]
