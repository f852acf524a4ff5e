"""Size and EXIF metadata of a local picture, read with Pillow."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from datalake_ops.upload.sources.entry import OpenFile, as_stream
from datalake_ops.wire.image_metadata import EXIF_TAGS, SIDEWAYS, metadata_from_exif, orientation_from_exif

logger = logging.getLogger(__name__)
# The decoders that are tried. Pillow knows many more, and rarely used decoders are where hostile files strike.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257


@dataclass(frozen=True)
class Picture:
    """Width and height in pixels with the orientation applied, and metadata under the platform's keys."""

    width: int
    height: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


def read_picture(file: OpenFile, fill_metadata: bool) -> Picture | None:
    """Read size and EXIF of a picture; None when it cannot be opened, and the platform decides. Blocks."""
    # Pillow takes a moment to import, and the upload of other files does without it.
    from PIL import Image

    try:
        with Image.open(as_stream(file), formats=FORMATS) as image:
            tags = _exif_tags(image, file.path)
            width, height = _stored_size(image)
    # Decoders raise whatever a broken file makes of them, and a picture of any kind must not stop an upload.
    except Exception as error:  # noqa: BLE001
        logger.info("%s cannot be opened as a picture (%s); the platform will read it.", file.path, error)
        return None
    if orientation_from_exif(tags) in SIDEWAYS:
        width, height = height, width
    return Picture(width, height, metadata_from_exif(tags) if fill_metadata else {})


def merged(exif: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Merge EXIF metadata with the caller's own, which win, as with the official SDK."""
    return {**exif, **(given or {})}


def _stored_size(image: Any) -> tuple[int, int]:
    # Pillow turns a TIFF, and only a TIFF, as it opens it.
    if image.format == "TIFF":
        return int(image.tag_v2[_TIFF_WIDTH]), int(image.tag_v2[_TIFF_HEIGHT])
    width, height = image.size
    return width, height


def _exif_tags(image: Any, path: str) -> Mapping[int, Any]:
    """Tags of IFD0 that have a meaning here; one that cannot be read does not lose the others."""
    tags: dict[int, Any] = {}
    try:
        exif = image.getexif()
    except Exception as error:  # noqa: BLE001
        # The size is known without it, and cameras write odd EXIF blocks.
        logger.info("The EXIF block of %s cannot be read (%s); it is left out.", path, error)
        return tags
    for tag in EXIF_TAGS:
        try:
            tags[tag] = exif.get(tag)
        except Exception as error:  # noqa: BLE001
            logger.info("EXIF tag 0x%04X of %s cannot be read (%s); it is left out.", tag, path, error)
    return tags
