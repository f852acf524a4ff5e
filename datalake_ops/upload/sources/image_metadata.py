"""What a picture says of itself: its size as shown, and the EXIF fields that the platform keeps."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from datalake_ops.upload.sources.entry import OpenFile, as_stream

logger = logging.getLogger(__name__)
ORIENTATION = 0x0112
SIDEWAYS = frozenset({5, 6, 7, 8})
# The decoders that are tried. Pillow knows many more, and rarely used decoders are where hostile files strike.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")
UNITS = {2: "inches", 3: "cm"}
COMPRESSIONS = {
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


@dataclass(frozen=True)
class Picture:
    """Width and height in pixels with the orientation applied, and metadata under the platform's keys."""

    width: int
    height: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


def read_picture(file: OpenFile, fill_metadata: bool) -> Picture | None:
    """Size and EXIF of a picture, or None when it cannot be opened; the platform then decides. Blocks."""
    # Pillow takes a moment to import, and the upload of other files does without it.
    from PIL import Image

    try:
        with Image.open(as_stream(file), formats=FORMATS) as image:
            exif = _exif(image, file.path)
            width, height = image.size
            turned = image.format == "TIFF"
    # Decoders raise whatever a broken file makes of them, and a picture of any kind must not stop an upload.
    except Exception as error:  # noqa: BLE001
        logger.info("%s cannot be opened as a picture (%s); the platform will look at it.", file.path, error)
        return None
    # Pillow turns a TIFF, and only a TIFF, as it opens it.
    if exif.get(ORIENTATION) in SIDEWAYS and not turned:
        width, height = height, width
    return Picture(width, height, metadata_of(exif) if fill_metadata else {})


def metadata_of(exif: Mapping[int, Any]) -> dict[str, Any]:
    """The platform's metadata from the fields of IFD0 (wire: EXIF mapping); what is empty or unreadable is left out."""
    found = {key: read(exif[tag]) for key, (tag, read) in _FIELDS.items() if exif.get(tag)}
    return {key: value for key, value in found.items() if value}


def merged(exif: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """EXIF metadata under the caller's own: what the caller gives wins, as with the official SDK."""
    return {**exif, **(given or {})}


def _exif(image: Any, path: str) -> Mapping[int, Any]:
    try:
        return dict(image.getexif())
    except Exception as error:  # noqa: BLE001
        # The size is known without it, and cameras write odd EXIF blocks.
        logger.info("The EXIF block of %s cannot be read (%s); it is left out.", path, error)
        return {}


def _text(value: Any) -> str | None:
    return str(value).strip("\x00") or None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None


def _moment(value: Any) -> str | None:
    try:
        return datetime.strptime(value, "%Y:%m:%d %H:%M:%S").isoformat()
    except (TypeError, ValueError):
        return None


def _word(words: Mapping[int, str]) -> Callable[[Any], str | None]:
    def read(value: Any) -> str | None:
        return _text(value) if isinstance(value, str) else words.get(value) if isinstance(value, int) else None

    return read


_FIELDS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "acquired_at": (0x0132, _moment),
    "acquired_by": (0x013B, _text),
    "resolution_x": (0x011A, _number),
    "resolution_y": (0x011B, _number),
    "resolution_unit": (0x0128, _word(UNITS)),
    "compression": (0x0103, _word(COMPRESSIONS)),
    "manufacturer": (0x010F, _text),
    "software": (0x0131, _text),
    "color_space": (0xA001, _text),
}
