"""Probe of a file's properties by its bytes alone: never by its name, its announced type or its sender."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from datalake_ops.pictures.formats import unsupported_reason
from datalake_ops.pictures.inspection import UnreadablePictureError, verify
from datalake_ops.pictures.video import VIDEOS, UnreadableVideoError, video_size
from datalake_ops.platform.objects.media_type import EMPTY, NEITHER
from datalake_ops.wire.camera_metadata import camera_of, full_metadata
from datalake_ops.wire.image_metadata import metadata_from_exif
from datalake_ops.wire.media_types import SNIFF_BYTES, sniff


class UnreadableFileError(ValueError):
    """The bytes are no whole image or video of a known format; the text has the reason."""


@dataclass(frozen=True)
class ProbeResult:
    """Content type, pixels as shown, bytes, EXIF in the wire's keys, and the pages of a document."""

    content_type: str
    width: int
    height: int
    size_bytes: int
    metadata: dict[str, Any] = field(default_factory=dict)
    custom_metadata: dict[str, Any] = field(default_factory=dict)
    pages: int = 1


def probe(file: BinaryIO, full: bool = False) -> ProbeResult:
    """Read a whole file's properties; every pixel of an image is decoded, so that a truncated file is noticed.

    `full` reads place, true moment and camera from its EXIF too.

    Raises:
        UnreadableFileError: it is empty, of no known kind, damaged, cut short or too large to decode.
    """
    size_bytes = file.seek(0, os.SEEK_END)
    if size_bytes == 0:
        raise UnreadableFileError(EMPTY)
    file.seek(0)
    kind = sniff(file.read(SNIFF_BYTES))
    if kind is None:
        raise UnreadableFileError(NEITHER)
    if kind.startswith("video/"):
        return _probe_video(file, kind, size_bytes)
    return _probe_image(file, size_bytes, full)


def _probe_video(file: BinaryIO, kind: str, size_bytes: int) -> ProbeResult:
    if kind not in VIDEOS:
        raise UnreadableFileError(unsupported_reason(kind))
    try:
        width, height = video_size(file, kind)
    except UnreadableVideoError as error:
        raise UnreadableFileError(str(error)) from error
    return ProbeResult(kind, width, height, size_bytes)


def _probe_image(file: BinaryIO, size_bytes: int, full: bool) -> ProbeResult:
    try:
        facts = verify(file, full)
    except UnreadablePictureError as error:
        raise UnreadableFileError(str(error)) from error
    tags = facts.tags
    metadata = full_metadata(tags.main, tags.photo, tags.place) if full else metadata_from_exif(tags.main)
    custom_metadata = camera_of(tags.main, tags.photo) if full else {}
    return ProbeResult(
        facts.content_type, facts.width, facts.height, size_bytes, metadata, custom_metadata, facts.pages
    )
