"""EXIF tags of an opened picture, read with Pillow and without decoding a pixel."""

from __future__ import annotations

import logging
import os
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from PIL import ExifTags, Image, TiffImagePlugin

from datalake_ops.pictures.jxl import compressed_exif
from datalake_ops.wire.camera_metadata import PHOTO_TAGS, PLACE_TAGS
from datalake_ops.wire.image_metadata import EXIF_TAGS, ORIENTATION, UPRIGHT, orientation_from_exif

logger = logging.getLogger(__name__)
# Bytes at the end of a PNG among which EXIF is looked for that stands behind the pixels.
_TAIL_BYTES = 64 * 1024
_LATE_EXIF = re.compile(rb"(?s)(....)eXIf")
_ALL_TAGS = tuple(dict.fromkeys((*EXIF_TAGS, 0x0110)))


@dataclass(frozen=True)
class CameraTags:
    """Tags of the directories IFD0, Exif and GPS that have a meaning here; values as Pillow decodes them."""

    main: Mapping[int, Any] = field(default_factory=dict)
    photo: Mapping[int, Any] = field(default_factory=dict)
    place: Mapping[int, Any] = field(default_factory=dict)

    @property
    def orientation(self) -> int:
        """Orientation by which the stored pixels are to be turned, 1 to 8."""
        return orientation_from_exif(self.main)

    def completed_by(self, other: CameraTags) -> CameraTags:
        """These tags and, for those that are absent, another picture's of the same file; not its own orientation."""
        main = {tag: value for tag, value in other.main.items() if tag != ORIENTATION}
        photo, place = {**other.photo, **_present(self.photo)}, {**other.place, **_present(self.place)}
        return CameraTags({**main, **_present(self.main)}, photo, place)


def _present(tags: Mapping[int, Any]) -> dict[int, Any]:
    return {tag: value for tag, value in tags.items() if value is not None}


def read_tags(image: Image.Image, file: BinaryIO, full: bool = False) -> CameraTags:
    """Read the tags of an opened picture, before it is decoded; one that cannot be read does not lose the others.

    An orientation that stands only in XMP counts, as for exiftool 12.57, Pillow 13 and the official SDK; libvips 8.14
    and browsers leave it out. `full` reads the directories Exif and GPS too.
    """
    try:
        exif = _exif(image, file)
    except Exception as error:  # noqa: BLE001
        # The picture is one without its EXIF too, and cameras write odd blocks, at which decoders raise anything.
        logger.info("An EXIF block cannot be read (%s); it is left out.", error)
        return CameraTags()
    main = _values(exif, _ALL_TAGS)
    if _is_upright_already(image):
        main[ORIENTATION] = UPRIGHT
    if not full:
        return CameraTags(main)
    photo = _directory(exif, ExifTags.IFD.Exif, PHOTO_TAGS)
    return CameraTags(main, photo, _directory(exif, ExifTags.IFD.GPSInfo, PLACE_TAGS))


def _exif(image: Image.Image, file: BinaryIO) -> Image.Exif:
    if image.format == "JXL" and "exif" not in image.info and (block := _compressed_exif(file)):
        image.info["exif"] = block
    if image.format != "PNG":
        return image.getexif()
    # Pillow decodes a whole PNG to look for EXIF behind its pixels.
    if "exif" not in image.info and (block := _late_exif(file)) is not None:
        image.info["exif"] = block
    return Image.Image.getexif(image)


def _compressed_exif(file: BinaryIO) -> bytes | None:
    """EXIF that the plugin passes over."""
    at = file.tell()
    try:
        return compressed_exif(file)
    finally:
        file.seek(at)


def _late_exif(file: BinaryIO) -> bytes | None:
    """EXIF behind the pixels of a PNG, which may stand there too (PNG 3, 5.6), known by its checksum."""
    at = file.tell()
    try:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        tail = file.read(_TAIL_BYTES)
    finally:
        file.seek(at)
    for found in _LATE_EXIF.finditer(tail):
        start = found.end()
        end = start + int.from_bytes(found[1], "big")
        if tail[end : end + 4] == zlib.crc32(tail[start - 4 : end]).to_bytes(4, "big"):
            return tail[start:end]
    return None


def _is_upright_already(image: Image.Image) -> bool:
    # A JPEG XL is turned by its codestream, not by its EXIF (ISO/IEC 18181-2); only one that is a packed JPEG comes as
    # that JPEG, not turned yet.
    return image.format == "JXL" and not getattr(image, "jpeg", False)


def _directory(exif: Image.Exif, pointer: int, tags: Iterable[int]) -> dict[int, Any]:
    """Tags of a directory that IFD0 points to; Pillow's own `get_ifd` loses all of them by one odd value."""
    try:
        offset = exif.get(pointer)
        if offset is None:
            return {}
        directory = TiffImagePlugin.ImageFileDirectory_v2(exif.head, group=pointer)
        exif.fp.seek(offset)
        directory.load(exif.fp)
    except Exception as error:  # noqa: BLE001
        logger.info("The EXIF directory 0x%04X cannot be read (%s); it is left out.", pointer, error)
        return {}
    return _values(directory, tags)


def _values(directory: Any, tags: Iterable[int]) -> dict[int, Any]:
    values: dict[int, Any] = {}
    for tag in tags:
        try:
            value = directory.get(tag)
        except Exception as error:  # noqa: BLE001
            logger.info("EXIF tag 0x%04X cannot be read (%s); it is left out.", tag, error)
            continue
        values[tag] = value[0] if isinstance(value, tuple) and len(value) == 1 else value
    return values
