"""EXIF of an image in the wire's metadata keys: the main directory (IFD0) only, as the official SDK reads it."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from PIL import Image

ORIENTATION = 0x0112
SIDEWAYS = (5, 6, 7, 8)  # orientations that swap width and height
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


def metadata_of(exif: Image.Exif) -> dict[str, Any]:
    """What the EXIF says, under the keys of the wire's §3.5; values that are empty or unreadable are left out."""
    found: dict[str, Any] = {}
    for key, (tag, read) in _FIELDS.items():
        value = exif.get(tag)
        if value:
            try:
                said = read(value)
            except (TypeError, ValueError, OverflowError, ZeroDivisionError):
                continue
            if said:
                found[key] = said
    return found


def _moment(value: Any) -> str:
    return datetime.strptime(_text(value), "%Y:%m:%d %H:%M:%S").isoformat()


def _text(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.replace("\0", "").strip()


def _number(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _word(words: dict[int, str]) -> Callable[[Any], str | None]:
    def read(value: Any) -> str | None:
        return _text(value) if isinstance(value, str | bytes) else words.get(int(value))

    return read


_FIELDS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "acquired_at": (0x0132, _moment),
    "acquired_by": (0x013B, _text),
    "resolution_x": (0x011A, _number),
    "resolution_y": (0x011B, _number),
    "resolution_unit": (0x0128, _word(_UNITS)),
    "compression": (0x0103, _word(_COMPRESSIONS)),
    "manufacturer": (0x010F, _text),
    "software": (0x0131, _text),
    "color_space": (0xA001, _text),
}
