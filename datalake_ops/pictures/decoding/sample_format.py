"""Sample formats that 8 bits do not hold as they are: depth, sign, scale and nodata, as the file tells them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from PIL import Image

from datalake_ops.pictures.jpeg_2000 import is_misread

# Tags of TIFF 6.0.
_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
S_MIN_SAMPLE_VALUE, S_MAX_SAMPLE_VALUE = 340, 341
# Value that marks pixels without data (GDAL, GeoTIFF driver, TIFFTAG_GDAL_NODATA).
GDAL_NODATA = 42113
_WHITE_IS_ZERO = 0
_KINDS = {2: "signed", 3: "float"}
GREY_ALPHA = "LA;16B"
_GREY_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I", "F"})
_COLOUR_MODES = frozenset({"RGB", "RGBA"})
_NATIVE_MODES = {"I;16BS": "I;16NS", "I;32B": "I;32N", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
# Bytes of a PNG's signature, and of the length, the name and the checksum of a chunk.
_PNG_SIGNATURE, _CHUNK_NUMBER = 8, 4
_EIGHT_BITS = 255.0


@dataclass(frozen=True)
class ValueScale:
    """Values of black and white."""

    black: float
    white: float


@dataclass(frozen=True)
class SampleFormat:
    """Samples of a picture as its file describes them.

    `told` is the scale that the file tells, `significant_bits` are those of PNG's sBIT; `is_inverted` means that the
    lowest value is white.
    """

    bits: int
    kind: str = "unsigned"
    told: ValueScale | None = None
    significant_bits: int | None = None
    nodata: float | None = None
    is_inverted: bool = False

    @property
    def name(self) -> str:
        """Depth and kind, for messages."""
        return f"{self.bits}-bit {self.kind}"


def read_format(image: Image.Image, open_file: Callable[[], BinaryIO]) -> SampleFormat | None:
    """Read the format of an opened image's samples, before it is decoded; None where Pillow's 8 bits hold them.

    Raises:
        ValueError: Pillow would read other bytes than the samples.
    """
    if image.format == "TIFF":
        found = _of_tiff(image, cast("Any", image).tag_v2)
        if found.bits == 16 and image.mode in (*_COLOUR_MODES, "CMYK") and ";16" not in raw_mode(image):
            # Pillow 13 takes each byte for a sample.
            raise ValueError("colours of 16 bits in separate planes are not read here")
        is_plain = found.bits <= 8 and found.kind == "unsigned" and found.told is None and found.nodata is None
        return None if is_plain or image.mode not in {"L", *_GREY_MODES, *_COLOUR_MODES} else found
    if image.format == "JPEG2000":
        _check_colours(image, open_file)
    if image.mode in ("I", "F"):
        return SampleFormat(32, "float" if image.mode == "F" else "signed")
    if image.mode in _GREY_MODES or (image.mode in _COLOUR_MODES and ";16" in raw_mode(image)):
        return SampleFormat(16, significant_bits=_significant_bits(open_file) if image.format == "PNG" else None)
    return None


def _check_colours(image: Image.Image, open_file: Callable[[], BinaryIO]) -> None:
    with open_file() as file:
        if is_misread(image, file):
            raise ValueError("colours of more than 8 bits in a JPEG 2000 are not read here")


def has_halves(image: Image.Image) -> bool:
    """Return True for 16-bit colours, of which Pillow reads one byte at a time."""
    name = raw_mode(image)
    return image.mode in _COLOUR_MODES and ";16" in name and name != GREY_ALPHA


def native_mode(image: Image.Image) -> str | None:
    """Raw mode of samples that libtiff has brought into this machine's byte order, and Pillow 13 swaps once more.

    None for all others. It does so with compressed big-endian numbers of 32 bits, and with signed ones of 16.
    """
    tiles = getattr(image, "tile", None)
    if image.format != "TIFF" or not tiles or tiles[0].codec_name != "libtiff":
        return None
    return _NATIVE_MODES.get(raw_mode(image))


def raw_mode(image: Image.Image) -> str:
    """Pillow's name of the layout of the samples in the file; empty where its decoder has none."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0].args if tiles else None
    if isinstance(arguments, tuple):
        arguments = arguments[0] if arguments else None
    return arguments if isinstance(arguments, str) else ""


def _of_tiff(image: Image.Image, tags: Mapping[int, Any]) -> SampleFormat:
    bits = _number(tags.get(_BITS_PER_SAMPLE)) or 1
    kind = _KINDS.get(int(_number(tags.get(_SAMPLE_FORMAT)) or 1), "unsigned")
    low, high = _number(tags.get(S_MIN_SAMPLE_VALUE), min) or 0.0, _number(tags.get(S_MAX_SAMPLE_VALUE), max)
    told = ValueScale(low, high) if high is not None and high > low else None
    nodata = _number(tags.get(GDAL_NODATA))
    is_inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    if is_inverted and image.mode == "L":
        # Pillow has inverted these samples already, and only these.
        is_inverted = False
        nodata = None if nodata is None else _EIGHT_BITS - nodata
        told = None if told is None else ValueScale(_EIGHT_BITS - told.white, _EIGHT_BITS - told.black)
    return SampleFormat(int(bits), kind, told, None, nodata, is_inverted)


def _number(value: Any, choose: Callable[[Any], Any] = lambda values: values[0]) -> float | None:
    """Number of a tag that may have one value per channel; None where it has none."""
    if isinstance(value, tuple | list) and value:
        value = choose(value)
    try:
        return float(value.strip(" \0") if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None


def _significant_bits(open_file: Callable[[], BinaryIO]) -> int | None:
    """Significant bits of a PNG's first channel, from the chunk sBIT, which stands before the pixels."""
    with open_file() as file:
        file.seek(_PNG_SIGNATURE)
        while len(head := file.read(2 * _CHUNK_NUMBER)) == 2 * _CHUNK_NUMBER:
            length, name = int.from_bytes(head[:_CHUNK_NUMBER], "big"), head[_CHUNK_NUMBER:]
            if name == b"sBIT":
                return next(iter(file.read(1)), 0) or None
            if name in (b"PLTE", b"IDAT", b"IEND"):
                break
            file.seek(length + _CHUNK_NUMBER, os.SEEK_CUR)
    return None
