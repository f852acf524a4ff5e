"""Parts of a JPEG XL that the plugin of Pillow does not give: its size before it is decoded, and compressed EXIF.

Sources: ISO/IEC 18181-1, SizeHeader; 18181-2 for the boxes of the container, `brob` among them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

_CODESTREAM, _BOX_NAMES = b"\xff\x0a", (b"jxlc", b"jxlp")
# Bytes of the signature and of the longest SizeHeader.
_HEADER_BYTES = 2 + 9
_COMPRESSED, _EXIF = b"brob", b"Exif"
_TIFF_HEADS = (b"II*\0", b"MM\0*")
# Bytes of an EXIF block, compressed and not: more is no camera's.
_EXIF_BYTES = 1 << 20
# A file with more in front of its picture is damaged, or made to keep a reader busy.
_BOXES_AT_MOST = 10_000
# Bits of a length, by its selector.
_LENGTH_BITS = (9, 13, 18, 30)
# Width by height, by the ratio's number.
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


class DamagedJxlError(ValueError):
    """There is no codestream, or no whole header of one."""


def stored_size(file: BinaryIO) -> tuple[int, int]:
    """Width and height in pixels, before the orientation is applied.

    Raises:
        DamagedJxlError: there is no header.
    """
    header = _codestream(file)
    if header[:2] != _CODESTREAM or len(header) < _HEADER_BYTES:
        raise DamagedJxlError("the JPEG XL has no whole header")
    bits = _Bits(header[2:])
    is_small = bits.take(1)
    height = 8 * (bits.take(5) + 1) if is_small else bits.length()
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio]
        return height * across // down, height
    return (8 * (bits.take(5) + 1) if is_small else bits.length()), height


def compressed_exif(file: BinaryIO) -> bytes | None:
    """EXIF of a compressed box; None if there is none, if it is damaged, or if the package `brotli` is absent."""
    try:
        import brotli
    except ImportError:
        return None
    for name, start, size in _boxes(file):
        file.seek(start)
        if name != _COMPRESSED or file.read(4) != _EXIF or size > _EXIF_BYTES:
            continue
        decoder = brotli.Decompressor()
        try:
            content: bytes = decoder.process(file.read(size - 4), output_buffer_limit=_EXIF_BYTES)
        except brotli.error:
            return None
        if not decoder.is_finished():
            return None
        # A number says how far behind it the TIFF header is; some writers leave it out.
        if content[:4] in _TIFF_HEADS:
            return content
        return content[4 + int.from_bytes(content[:4], "big") :]
    return None


def _codestream(file: BinaryIO) -> bytes:
    """First bytes of the codestream, which a container may have in several boxes."""
    file.seek(0)
    content = file.read(_HEADER_BYTES)
    if content[:2] == _CODESTREAM:
        return content
    content = b""
    for name, start, size in _boxes(file):
        if len(content) == _HEADER_BYTES:
            break
        if name in _BOX_NAMES:
            skipped = 4 if name == b"jxlp" else 0
            file.seek(start + skipped)
            content += file.read(max(0, min(size - skipped, _HEADER_BYTES - len(content))))
    return content


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Boxes of a container: the name, and start and size of the content."""
    end, at = file.seek(0, os.SEEK_END), 0
    for _ in range(_BOXES_AT_MOST):
        if at + 8 > end:
            return
        file.seek(at)
        head = file.read(16)
        size, name, header = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, header = int.from_bytes(head[8:], "big"), 16
        # The last box may reach to the end of the file.
        size = size or end - at
        if size < header:
            return
        yield name, at + header, size - header
        at += size


class _Bits:
    """Bits of a codestream, the lowest of each byte first."""

    def __init__(self, content: bytes) -> None:
        self._left = int.from_bytes(content, "little")

    def take(self, count: int) -> int:
        value = self._left & ((1 << count) - 1)
        self._left >>= count
        return value

    def length(self) -> int:
        return self.take(_LENGTH_BITS[self.take(2)]) + 1
