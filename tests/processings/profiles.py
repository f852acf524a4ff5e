"""Small ICC profiles, made byte by byte (ICC.1:2001-04)."""

from __future__ import annotations

import struct
from itertools import product

# Colorants of Adobe RGB (1998), adapted to D50, and its gamma: greens and reds beyond sRGB.
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
D50 = (0.9642, 1.0, 0.8249)


def an_rgb_profile(colorants: tuple[tuple[float, float, float], ...] = ADOBE_RGB, gamma: float = 2.19921875) -> bytes:
    """A profile of three colorants and one gamma."""
    tags = [(b"rXYZ", _xyz(colorants[0])), (b"gXYZ", _xyz(colorants[1])), (b"bXYZ", _xyz(colorants[2]))]
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256))
    return _profile(b"mntr", b"RGB ", b"XYZ ", [*tags, *((name, curve) for name in (b"rTRC", b"gTRC", b"bTRC"))])


def a_grey_profile(gamma: float) -> bytes:
    """A profile of one gamma."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", [(b"kTRC", b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)))])


def a_cmyk_profile(paper: float = 95.0) -> bytes:
    """A profile of printing inks that are less pure than plain ones: full cyan is L* 55, a* -37, b* -50."""
    inks = {0: (-40.0, -37.0, -50.0), 1: (-47.0, 74.0, -3.0), 2: (-6.0, -5.0, 93.0), 3: (-79.0, 0.0, 0.0)}
    cells = b""
    for amounts in product((0, 1), repeat=4):
        lab = [paper, 0.0, 0.0]
        for ink in (number for number in range(4) if amounts[number]):
            lab = [value + change for value, change in zip(lab, inks[ink], strict=True)]
        lightness, *others = lab
        cells += bytes([round(max(0.0, min(100.0, lightness)) * 2.55)])
        cells += bytes(round(max(-128.0, min(127.0, value)) + 128) for value in others)
    ramp = bytes(range(256))
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1" + struct.pack(">IBBBB", 0, 4, 3, 2, 0) + identity + ramp * 4 + cells + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", [(b"A2B0", table), (b"A2B1", table)])


def _profile(kind: bytes, space: bytes, connection: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    text = b"for tests\0"
    described = b"desc" + struct.pack(">II", 0, len(text)) + text + bytes(78)
    tags = [(b"desc", described), (b"cprt", b"text" + bytes(4) + text), (b"wtpt", _xyz(D50)), *tags]
    at, table, content = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, value in tags:
        padded = value + bytes(-len(value) % 4)
        table += struct.pack(">4sII", name, at + len(content), len(value))
        content += padded
    head = struct.pack(">I4sI4s4s4s", at + len(content), bytes(4), 0x02400000, kind, space, connection)
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(24) + struct.pack(">I", 1)
    head += struct.pack(">3i", *(round(value * 65536) for value in D50))
    return head.ljust(128, b"\0") + table + content


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + struct.pack(">I3i", 0, *(round(value * 65536) for value in values))
