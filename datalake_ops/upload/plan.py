"""What a file is and in which pieces it travels: pure decisions, no disk and no network."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass

from datalake_ops.wire.data import DataType
from datalake_ops.wire.uploads import PART_BYTES

# Content types that the official SDK opens to measure; for all others the platform decides.
MEASURED_TYPES = frozenset({"image/jpeg", "image/bmp", "image/gif", "image/png", "image/tiff"})
UNKNOWN_TYPE = "application/octet-stream"
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


def content_type(filename: str) -> str:
    """The content type told by the file name's extension, as this machine's MIME table knows it.

    Wire: `mimetypes.guess_type(strict=False)`, else `application/octet-stream`.
    """
    # A bare name with a colon would be read as a URL scheme; the prefix makes it a path.
    return mimetypes.guess_type(f"/{filename}", strict=False)[0] or UNKNOWN_TYPE


def data_type(content: str) -> DataType:
    """VIDEO for `video/*`, else IMAGE, also for what nobody knows: the platform has the last word."""
    return DataType.VIDEO if content.startswith("video/") else DataType.IMAGE


def is_large(size: int) -> bool:
    """Whether a file of `size` bytes travels in parts."""
    return size > PART_BYTES


def parts(size: int, part_bytes: int = PART_BYTES) -> list[Part]:
    """The parts of a file of `size` bytes: in order, each full but the last, none empty."""
    starts = range(0, size, part_bytes)
    return [Part(number, start, min(start + part_bytes, size)) for number, start in enumerate(starts, 1)]
