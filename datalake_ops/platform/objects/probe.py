"""Probe of a file's properties by its bytes alone: never by its name, its announced type or its sender."""

from __future__ import annotations

import os
import struct
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import IMAGELENGTH, IMAGEWIDTH, TiffImageFile

from datalake_ops.platform.objects.media_type import SNIFF_BYTES, sniff
from datalake_ops.platform.objects.video import UnreadableVideoError, avi_size, mp4_size
from datalake_ops.wire.image_metadata import EXIF_TAGS, SIDEWAYS, metadata_from_exif, orientation_from_exif

# Decoders that get untrusted bytes; Pillow has dozens more.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
_STILLS = frozenset({"image/jpeg", "image/png", "image/webp", "image/tiff", "image/bmp", "image/gif"})
# Limit for the pixels of all frames, checked before any is decoded: Pillow's own limit.
PIXELS = 178_956_970
# Exceptions of Pillow's EXIF reader on damaged blocks.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)
_VIDEO_SIZES = {"video/mp4": mp4_size, "video/quicktime": mp4_size, "video/x-msvideo": avi_size}


class UnreadableFileError(ValueError):
    """The bytes are no whole image or video of a known format; the text has the reason."""


@dataclass(frozen=True)
class ProbeResult:
    """Content type, pixels as shown, bytes, and EXIF in the wire's keys."""

    content_type: str
    width: int
    height: int
    size_bytes: int
    metadata: dict[str, Any] = field(default_factory=dict)


def probe(file: BinaryIO) -> ProbeResult:
    """Read a whole file's properties; every pixel of an image is decoded, so that a truncated file is noticed.

    Raises:
        UnreadableFileError: it is empty, of no known kind, damaged, cut short or too large to decode.
    """
    size_bytes = file.seek(0, os.SEEK_END)
    if size_bytes == 0:
        raise UnreadableFileError("the file is empty")
    file.seek(0)
    kind = sniff(file.read(SNIFF_BYTES))
    if kind is None:
        raise UnreadableFileError("the content is neither an image nor a video of a known kind")
    if kind.startswith("video/"):
        return _probe_video(file, kind, size_bytes)
    return _probe_image(file, kind, size_bytes)


def _probe_video(file: BinaryIO, kind: str, size_bytes: int) -> ProbeResult:
    try:
        width, height = _VIDEO_SIZES[kind](file)
    except UnreadableVideoError as error:
        raise UnreadableFileError(str(error)) from error
    return ProbeResult(kind, width, height, size_bytes)


def _probe_image(file: BinaryIO, kind: str, size_bytes: int) -> ProbeResult:
    if kind not in _STILLS:
        raise UnreadableFileError(f"files of type {kind} cannot be read here")
    file.seek(0)
    try:
        with warnings.catch_warnings():
            # A damaged EXIF block is only a warning; an image too large to decode is an error.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as image:
                return _decode(image, kind, size_bytes)
    except UnreadableFileError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableFileError(f"the content is not a readable {kind}") from error
    except Exception as error:
        # Damaged data make decoders raise errors of any type: OSError, SyntaxError, struct.error, IndexError, ...
        raise UnreadableFileError(f"the image cannot be decoded: {_sentence(error)}") from error


def _decode(image: Image.Image, kind: str, size_bytes: int) -> ProbeResult:
    width, height = _stored_size(image)
    frames = getattr(image, "n_frames", 1) if image.format in ("GIF", "WEBP", "TIFF") else 1
    if width * height * frames > PIXELS:
        raise UnreadableFileError(f"the image has more than {PIXELS:,} pixels")
    tags = _exif_tags(image)
    # A JPEG is decoded whole at an eighth of its size for a fraction of the work; other formats ignore this.
    image.draft(image.mode, (max(1, width // 8), max(1, height // 8)))
    image.load()
    for frame in range(1, frames):
        image.seek(frame)
        image.load()
    if orientation_from_exif(tags) in SIDEWAYS:
        width, height = height, width
    return ProbeResult(kind, width, height, size_bytes, metadata_from_exif(tags))


def _stored_size(image: Image.Image) -> tuple[int, int]:
    # Pillow turns a TIFF by its orientation as it opens it, and only a TIFF.
    if isinstance(image, TiffImageFile):
        return int(image.tag_v2[IMAGEWIDTH]), int(image.tag_v2[IMAGELENGTH])
    return image.size


def _exif_tags(image: Image.Image) -> dict[int, Any]:
    """Tags of IFD0 that have a meaning here; what cannot be read is left out, the picture is still a picture."""
    tags: dict[int, Any] = {}
    with suppress(*_DAMAGE):
        exif = image.getexif()
        for tag in EXIF_TAGS:
            # Values are decoded when they are asked for: a damaged one does not lose the others.
            with suppress(*_DAMAGE):
                tags[tag] = exif.get(tag)
    return tags


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."
