"""Width and height of videos, read from the container's header; nothing is decoded.

MP4 and MOV store them in the track header (ISO/IEC 14496-12, `tkhd`), AVI in its main header (`avih`).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

# Containers whose header is read.
VIDEOS = frozenset({"video/mp4", "video/quicktime", "video/x-msvideo", "video/3gpp", "video/3gpp2"})
_TRACK_HEADER_BYTES = 104  # of the longer version, without the box's own header
_BOXES_AT_MOST = 4096


class UnreadableVideoError(ValueError):
    """The container's header has no width and height."""


@dataclass(frozen=True)
class _Box:
    kind: bytes
    start: int
    end: int


def video_size(file: BinaryIO, content_type: str) -> tuple[int, int]:
    """Width and height in pixels, as shown, of a video of one of the types in `VIDEOS`.

    Raises:
        UnreadableVideoError: the file is cut short, damaged, or has no video track with a size.
    """
    return (_avi_size if content_type == "video/x-msvideo" else _mp4_size)(file)


def _mp4_size(file: BinaryIO) -> tuple[int, int]:
    """Width and height of the first video track of an MP4, MOV or 3GP file."""
    end = file.seek(0, os.SEEK_END)
    # All of them, not only up to the movie header: the last ones tell whether the file is whole.
    movie = next((box for box in list(_boxes(file, 0, end)) if box.kind == b"moov"), None)
    if movie is None:
        raise UnreadableVideoError("the video has no movie header (moov)")
    for track in _children(file, movie, b"trak"):
        if any(_handler(file, media) == b"vide" for media in _children(file, track, b"mdia")):
            for header in _children(file, track, b"tkhd"):
                return _track_size(file, header)
    raise UnreadableVideoError("the file has no video track")


def _avi_size(file: BinaryIO) -> tuple[int, int]:
    """Width and height of an AVI file's main header."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(72)
    if len(head) < 72 or head[8:16] != b"AVI LIST" or head[20:28] != b"hdrlavih":
        raise UnreadableVideoError("the video has no AVI main header")
    if int.from_bytes(head[4:8], "little") + 8 > end:
        raise UnreadableVideoError("the video is cut short")
    return _positive(*struct.unpack_from("<II", head, 64))


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    """Boxes between two offsets; each must end within them."""
    for _ in range(_BOXES_AT_MOST):
        if end - start < 8:
            return
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        content = start + 8
        if size == 1:
            size = int.from_bytes(file.read(8), "big")
            content += 8
        stop = end if size == 0 else start + size
        if stop > end or stop < content:
            raise UnreadableVideoError("the video is cut short or damaged")
        yield _Box(kind, content, stop)
        start = stop


def _children(file: BinaryIO, parent: _Box, kind: bytes) -> list[_Box]:
    return [box for box in _boxes(file, parent.start, parent.end) if box.kind == kind]


def _handler(file: BinaryIO, media: _Box) -> bytes:
    for box in _children(file, media, b"hdlr"):
        file.seek(box.start + 8)
        return file.read(4)
    return b""


def _track_size(file: BinaryIO, header: _Box) -> tuple[int, int]:
    file.seek(header.start)
    content = file.read(min(_TRACK_HEADER_BYTES, header.end - header.start))
    # Version 1 has 64-bit times: everything behind them is 12 bytes further.
    shift = 12 if content[:1] == b"\x01" else 0
    if len(content) < 84 + shift:
        raise UnreadableVideoError("the video's track header is too short")
    a, b = struct.unpack_from(">ii", content, 40 + shift)
    width, height = struct.unpack_from(">II", content, 76 + shift)
    turned = a == 0 and b != 0
    width, height = width >> 16, height >> 16
    return _positive(height, width) if turned else _positive(width, height)


def _positive(width: int, height: int) -> tuple[int, int]:
    if width <= 0 or height <= 0:
        raise UnreadableVideoError("the video's header tells no width and height")
    return width, height
