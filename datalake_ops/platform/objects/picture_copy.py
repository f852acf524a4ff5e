"""Small copies of pictures to be looked at, as JPEG. For the child processes that decode files."""

from __future__ import annotations

import io
import os
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from datalake_ops.pictures.display import small_copy

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Longest sides in pixels: of a picture among many, and of one alone.
SMALL, LARGE = 320, 2048
_QUALITY = 82


def jpeg_copy(file: BinaryIO, side: int) -> bytes:
    """JPEG of a picture whose longest side is at most `side` pixels, the same as the processing `thumbnails` makes.

    Raises:
        UnreadablePictureError: it cannot be decoded.
    """
    content = io.BytesIO()
    small_copy(partial(_reader, file.fileno()), side).save(content, "JPEG", quality=_QUALITY)
    return content.getvalue()


def _reader(descriptor: int) -> BinaryIO:
    return io.BufferedReader(_DescriptorReader(descriptor))


class _DescriptorReader(io.RawIOBase):
    """Reader with a position of its own of a file that others read too; the file stays open when it is closed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = 0

    def fileno(self) -> int:
        # libtiff reads by the descriptor, and places it itself.
        return self._descriptor

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: os.fstat(self._descriptor).st_size}[whence]
        if start + offset < 0:
            raise ValueError(f"a position in a file is no less than 0, not {start + offset}")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        place = memoryview(buffer).cast("B")
        content = os.pread(self._descriptor, len(place), self._at)
        place[: len(content)] = content
        self._at += len(content)
        return len(content)
