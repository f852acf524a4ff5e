"""Blocks of a GIF, walked without a decoder up to the trailer, at whose absence decoders do not look.

Source: GIF89a, appendix A and section 27 (trailer).
"""

from __future__ import annotations

import os
from typing import BinaryIO

_EXTENSION, _FRAME, _TRAILER = b"!", b",", b";"
_HEADER_BYTES, _FRAME_BYTES = 13, 9
_CONTROL, _APPLICATION = b"\xf9", b"\xff"
# Application blocks that make an animation of the frames behind them.
_LOOPS = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})


class DamagedGifError(ValueError):
    """The GIF ends inside a block, or between the frames of an animation."""


def check_blocks(file: BinaryIO) -> None:
    """Check that a GIF is whole: it ends with its trailer, or is one frame without a mark of an animation.

    Raises:
        DamagedGifError: it is cut short.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    frames, is_animation = 0, False
    _skip_table(file, _exactly(file, _HEADER_BYTES)[10])
    # As decoders do, bytes between blocks are passed over.
    while (mark := file.read(1)) != _TRAILER:
        if not mark:
            if frames == 1 and not is_animation:
                return
            raise DamagedGifError("the GIF is cut short: it has no end mark")
        if mark == _FRAME:
            frames += 1
            _skip_table(file, _exactly(file, _FRAME_BYTES)[8])
            _exactly(file, 1)
            _skip_sub_blocks(file, end)
        elif mark == _EXTENSION:
            label, size = _exactly(file, 1), _exactly(file, 1)[0]
            content = _exactly(file, size)
            # A control block behind a frame announces another.
            is_animation |= (label == _CONTROL and frames > 0) or (label == _APPLICATION and content in _LOOPS)
            if size:
                _skip_sub_blocks(file, end)


def _skip_table(file: BinaryIO, packed: int) -> None:
    if packed & 0x80:
        file.seek(3 << ((packed & 7) + 1), os.SEEK_CUR)


def _skip_sub_blocks(file: BinaryIO, end: int) -> None:
    while size := _exactly(file, 1)[0]:
        if file.seek(size, os.SEEK_CUR) > end:
            raise DamagedGifError("the GIF is cut short")


def _exactly(file: BinaryIO, count: int) -> bytes:
    content = file.read(count)
    if len(content) < count:
        raise DamagedGifError("the GIF is cut short")
    return content
