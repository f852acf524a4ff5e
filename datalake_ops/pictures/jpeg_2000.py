"""Depth of a JPEG 2000, read from its header: Pillow keeps 8 bits of colours, and misreads deeper ones.

Source: ISO/IEC 15444-1, annex A.5.1, the marker SIZ.
"""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image

# Start of a codestream and its first marker, and the bytes that stand in front of it at most.
_SIZ, _HEADER_BYTES = b"\xff\x4f\xff\x51", 1 << 20
_EIGHT_BIT_MODES = frozenset({"L", "LA", "RGB", "RGBA"})


def is_misread(image: Image.Image, file: BinaryIO) -> bool:
    """Return True for a picture whose white is black in Pillow 13, which rounds to 8 bits without a limit."""
    return image.format == "JPEG2000" and image.mode in _EIGHT_BIT_MODES and _bits(file) > 8


def _bits(file: BinaryIO) -> int:
    """Most bits of a channel."""
    at = file.tell()
    try:
        file.seek(0)
        head = file.read(_HEADER_BYTES)
    finally:
        file.seek(at)
    start = head.find(_SIZ)
    if start < 0:
        return 0
    # Behind the marker: 36 bytes of lengths, then the number of channels, and three bytes for each.
    count = int.from_bytes(head[start + 40 : start + 42], "big")
    # The highest bit says that the samples are signed.
    return max(((depth & 0x7F) + 1 for depth in head[start + 42 : start + 42 + 3 * count : 3]), default=0)
