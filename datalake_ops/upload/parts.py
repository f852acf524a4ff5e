"""Parts of a multipart upload: pure arithmetic on sizes."""

from __future__ import annotations

from dataclasses import dataclass

from datalake_ops.wire.uploads import PART_BYTES

# More parts of one file at a time would starve the other files of the upload.
PARTS_AT_ONCE = 8


@dataclass(frozen=True)
class Part:
    """One piece of a file: its number from 1, and the bytes from `start` up to, not including, `end`."""

    number: int
    start: int
    end: int

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.end - self.start


def is_large(size: int) -> bool:
    """Whether a file of `size` bytes travels in parts."""
    return size > PART_BYTES


def parts(size: int, part_bytes: int = PART_BYTES) -> list[Part]:
    """The parts of a file of `size` bytes: in order, each full but the last, none empty."""
    starts = range(0, size, part_bytes)
    return [Part(number, start, min(start + part_bytes, size)) for number, start in enumerate(starts, 1)]
