"""EXIF tags of IFD0 in the platform's metadata keys (wire: EXIF mapping); values in, metadata out, no decoder.

One set of rules for client, platform and processings. Values are as a decoder gives them: text (ASCII, decoded as
Latin-1), bytes (BYTE, UNDEFINED), numbers. Types and meanings are those of EXIF 2.32 (CIPA DC-008-2019), sections 4.6.2
to 4.6.4, and TIFF 6.0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from datalake_ops.wire import moments
from datalake_ops.wire.data import METADATA_TEXTS

ORIENTATION = 0x0112
UPRIGHT = 1
# Value of `fill_metadata` that asks for place, true moment and camera too.
FILL_ALL = "full"
SIDEWAYS = frozenset({5, 6, 7, 8})  # orientations that swap width and height
_ORIENTATIONS = range(1, 9)
_UNITS = {2: "inches", 3: "cm"}
_COMPRESSIONS = {
    1: "Uncompressed",
    2: "CCITT 1D",
    3: "T4/Group 3 Fax",
    4: "T6/Group 4 Fax",
    5: "LZW",
    6: "JPEG (old-style)",
    7: "JPEG",
    8: "Adobe Deflate",
    9: "JBIG B&W",
    10: "JBIG Color",
    99: "JPEG",
}


def metadata_from_exif(tags: Mapping[int, Any]) -> dict[str, Any]:
    """Metadata of IFD0's tags; a tag that is absent, blank, zero or unreadable has no key.

    Texts are cut to the length that the platform stores, since no camera can be asked to write less.
    """
    found = {key: read(tags[tag]) for key, (tag, read) in _FIELDS.items() if tags.get(tag)}
    return {key: _cut(key, value) for key, value in found.items() if value}


def orientation_from_exif(tags: Mapping[int, Any]) -> int:
    """Orientation, 1 to 8; 1 (upright) where the tag is absent or holds no such number.

    BYTE 6 turns a picture as SHORT 6 does, as in exiftool and libvips.
    """
    value = code_of(tags.get(ORIENTATION))
    return value if value is not None and value in _ORIENTATIONS else UPRIGHT


def text_of(value: Any) -> str | None:
    """Text of a value, up to the first NUL, trimmed; None if blank.

    EXIF's ASCII is 7 bits, but cameras and editors write UTF-8 there; what is not valid UTF-8 is Latin-1.
    """
    if isinstance(value, str):
        try:
            value = value.encode("latin-1")
        except UnicodeEncodeError:  # The decoder has already read it as Unicode.
            return value.partition("\0")[0].strip() or None
    if not isinstance(value, bytes):
        number = number_of(value)
        return None if number is None else str(value)
    value = value.partition(b"\0")[0]
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return text.strip() or None


def number_of(value: Any) -> float | None:
    """Finite number of a value; None for any other."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None


def code_of(value: Any) -> int | None:
    """Whole number of a tag whose type is SHORT; some writers use BYTE or UNDEFINED with one byte, or RATIONAL."""
    if isinstance(value, bytes):
        return value[0] if len(value) == 1 else None
    number = None if isinstance(value, str) else number_of(value)
    return int(number) if number is not None and number == int(number) else None


def _moment(value: Any) -> str | None:
    try:
        return moments.render(datetime.strptime(text_of(value) or "", "%Y:%m:%d %H:%M:%S"))
    except ValueError:
        return None


def _name(names: Mapping[int, str]) -> Callable[[Any], str | None]:
    """Reader of a tag whose numbers have names; text stands for itself."""

    def read(value: Any) -> str | None:
        code = code_of(value)
        if code is not None:
            return names.get(code)
        return text_of(value) if isinstance(value, str | bytes) else None

    return read


def _cut(key: str, value: Any) -> Any:
    return value[: METADATA_TEXTS[key]] if key in METADATA_TEXTS else value


_FIELDS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "acquired_at": (0x0132, _moment),
    "acquired_by": (0x013B, text_of),
    "resolution_x": (0x011A, number_of),
    "resolution_y": (0x011B, number_of),
    "resolution_unit": (0x0128, _name(_UNITS)),
    "compression": (0x0103, _name(_COMPRESSIONS)),
    "manufacturer": (0x010F, text_of),
    "software": (0x0131, text_of),
    "color_space": (0xA001, text_of),
}
EXIF_TAGS = (ORIENTATION, *(tag for tag, _ in _FIELDS.values()))
# Keys that a picture's own EXIF fills in.
EXIF_KEYS = frozenset(_FIELDS)
