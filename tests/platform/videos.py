"""Headers of video files, made by hand: enough to be measured, with nothing to play."""

from __future__ import annotations

import struct


def a_box(kind: bytes, content: bytes) -> bytes:
    """One box of an MP4 file."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def an_mp4(
    width: int = 640,
    height: int = 360,
    turned: bool = False,
    version: int = 0,
    handler: bytes = b"vide",
    brand: bytes = b"isom",
) -> bytes:
    """An MP4 file with one track; `turned` says that it is to be shown rotated by 90 degrees."""
    one = 1 << 16
    matrix = (0, one, 0, -one, 0, 0, 0, 0, 1 << 30) if turned else (one, 0, 0, 0, one, 0, 0, 0, 1 << 30)
    times = struct.pack(">QQIIQ", 0, 0, 1, 0, 0) if version else struct.pack(">IIIII", 0, 0, 1, 0, 0)
    header = bytes([version, 0, 0, 7]) + times + bytes(8) + struct.pack(">hhhh", 0, 0, 0, 0)
    header += struct.pack(">9i", *matrix) + struct.pack(">II", width << 16, height << 16)
    media = a_box(b"mdia", a_box(b"hdlr", bytes(8) + handler + bytes(12)))
    movie = a_box(b"moov", a_box(b"mvhd", bytes(100)) + a_box(b"trak", a_box(b"tkhd", header) + media))
    return a_box(b"ftyp", brand + bytes(4) + brand) + movie + a_box(b"mdat", bytes(64))


def an_avi(width: int = 320, height: int = 200) -> bytes:
    """An AVI file with its main header only."""
    avih = struct.pack("<14I", 0, 0, 0, 0, 0, 0, 1, 0, width, height, 0, 0, 0, 0)
    header = b"hdrl" + b"avih" + struct.pack("<I", len(avih)) + avih
    body = b"AVI " + b"LIST" + struct.pack("<I", len(header)) + header
    return b"RIFF" + struct.pack("<I", len(body)) + body
