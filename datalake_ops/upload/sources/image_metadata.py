"""Size and EXIF metadata of a local picture, read from its header."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from datalake_ops.upload.sources.entry import OpenFile, as_stream
from datalake_ops.wire.camera_metadata import camera_of, full_metadata
from datalake_ops.wire.image_metadata import FILL_ALL, metadata_from_exif
from datalake_ops.wire.log_lines import one_line

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """Width and height in pixels with the orientation applied, and metadata under the platform's keys.

    `custom_metadata` are the camera's texts for which the platform has no key. `pages` is above 1 for a document of
    several pages. `unsupported` is the reason that this kind of picture cannot be read here.
    """

    width: int = 0
    height: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    custom_metadata: Mapping[str, Any] = field(default_factory=dict)
    pages: int = 1
    unsupported: str = ""


def read_picture(file: OpenFile, fill_metadata: bool | str) -> Picture | None:
    """Read size and EXIF of a picture; None when it cannot be opened, and the platform decides. Blocks."""
    # Pillow takes a moment to import, and the upload of other files does without it.
    from datalake_ops.pictures.inspection import UnreadablePictureError, UnsupportedPictureError, read_facts

    try:
        facts = read_facts(as_stream(file), full=fill_metadata == FILL_ALL)
    except UnsupportedPictureError as error:
        return Picture(unsupported=str(error))
    except UnreadablePictureError as error:
        logger.info("%s cannot be opened as a picture (%s); the platform will read it.", one_line(file.path), error)
        return None
    main, photo, place = facts.tags.main, facts.tags.photo, facts.tags.place
    metadata, camera = {}, {}
    if fill_metadata == FILL_ALL:
        metadata, camera = full_metadata(main, photo, place), camera_of(main, photo)
    elif fill_metadata:
        metadata = metadata_from_exif(main)
    return Picture(facts.width, facts.height, metadata, camera, facts.pages)


def merged(exif: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Merge EXIF metadata with the caller's own, which win, as with the official SDK."""
    return {**exif, **(given or {})}
