"""Inspection of a picture's file: size, EXIF and pages by its header, and a verdict by decoding all of it."""

from __future__ import annotations

import os
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import IMAGELENGTH, IMAGEWIDTH, TiffImageFile

from datalake_ops.pictures.exif import CameraTags, read_tags
from datalake_ops.pictures.formats import decoders, readable_types, unsupported_reason
from datalake_ops.pictures.gif import DamagedGifError, check_blocks
from datalake_ops.pictures.jxl import DamagedJxlError, stored_size
from datalake_ops.pictures.tiff import DamagedTiffError, read_outline
from datalake_ops.wire.image_metadata import SIDEWAYS
from datalake_ops.wire.media_types import GIF, JXL, SNIFF_BYTES, TIFF, sniff

# Limit for the pixels of one frame or page, checked before it is decoded: that of Pillow, which warns above half of it.
PIXELS = 178_956_970
# Limit for the frames and pages of a file: ten minutes of film at 50 a second.
FRAMES = 30_000
# Formats whose every frame is the picture's. The second image of an MPO is a preview, or for another eye.
_MANY_FRAMES = frozenset({"GIF", "WEBP", "TIFF", "PNG", "AVIF"})
_READ_BYTES = 1024 * 1024


# Pictures above that half are read on purpose. Appended, so that the filters of the program itself come first.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, append=True)


class UnreadablePictureError(ValueError):
    """The bytes are no whole picture that can be read here; the text has the reason."""


class UnsupportedPictureError(UnreadablePictureError):
    """The picture may be whole, but its kind is not read here; the text says what would help."""


@dataclass(frozen=True)
class PictureFacts:
    """Content type, pixels as shown, EXIF tags, and the pages of a document (1 for any other picture)."""

    content_type: str
    width: int
    height: int
    tags: CameraTags = field(default_factory=CameraTags)
    pages: int = 1


@dataclass(frozen=True)
class _Kind:
    """Content type, pages, and the index of the main picture among the frames of the file."""

    content_type: str
    pages: int
    main: int


def read_facts(file: BinaryIO, full: bool = False) -> PictureFacts:
    """Read the facts of a picture from its header, and decode nothing; `full` reads all directories of its EXIF.

    Raises:
        UnreadablePictureError: it cannot be opened.
        UnsupportedPictureError: its kind is not read here.
    """
    # Two pages tell a document, and no storage is asked for more.
    kind = _kind(file, pages_at_most=2)
    with _opened_as(file, kind) as image:
        return _facts(image, file, kind, full)


def verify(file: BinaryIO, full: bool = False) -> PictureFacts:
    """Read the facts of a picture and decode every pixel of every frame, so that any damage is noticed.

    Raises:
        UnreadablePictureError: it is damaged, cut short, or too large to decode.
        UnsupportedPictureError: its kind is not read here.
    """
    kind = _kind(file)
    _check_end(file, kind)
    with _opened_as(file, kind) as image:
        facts = _facts(image, file, kind, full)
        _decode(image)
        if image.format == "PNG":
            _check_chunks(file)
        return facts


@contextmanager
def opened(file: BinaryIO) -> Iterator[Image.Image]:
    """Open a picture, not decoded yet; errors of the decoder are UnreadablePictureErrors.

    Raises:
        UnreadablePictureError: it cannot be opened, or not be decoded inside the `with` block.
        UnsupportedPictureError: its kind is not read here.
    """
    kind = _kind(file, pages_at_most=1)
    # The first frame alone is decoded here, which may be whole in a file that is cut behind it.
    _check_end(file, kind)
    with _opened_as(file, kind) as image:
        width, height = image.size
        if width * height > PIXELS:
            raise UnreadablePictureError(_too_large())
        yield image


def _kind(file: BinaryIO, pages_at_most: int = FRAMES + 1) -> _Kind:
    file.seek(0)
    kind = sniff(file.read(SNIFF_BYTES))
    if kind is None or not kind.startswith("image/"):
        raise UnreadablePictureError("the content is no picture of a known kind")
    pages, main = 1, 0
    if kind == TIFF:
        try:
            outline = read_outline(file, pages_at_most)
        except DamagedTiffError as error:
            raise UnreadablePictureError(f"the image cannot be decoded: {error}") from error
        if outline.is_camera_raw:
            raise UnsupportedPictureError(unsupported_reason("image/x-adobe-dng"))
        pages, main = outline.pages, outline.main
    if kind not in readable_types():
        raise UnsupportedPictureError(unsupported_reason(kind))
    if (size := size_if_decoded_at_once(file, kind)) is not None and size[0] * size[1] > PIXELS:
        raise UnreadablePictureError(_too_large())
    return _Kind(kind, pages, main)


def size_if_decoded_at_once(file: BinaryIO, content_type: str) -> tuple[int, int] | None:
    """Width and height of a picture that is decoded as it is opened, a JPEG XL; None for all others.

    Raises:
        UnreadablePictureError: it has no header.
    """
    if content_type != JXL:
        return None
    try:
        return stored_size(file)
    except DamagedJxlError as error:
        raise UnreadablePictureError(f"the image cannot be decoded: {error}") from error


@contextmanager
def _opened_as(file: BinaryIO, kind: _Kind) -> Iterator[Image.Image]:
    file.seek(0)
    try:
        # No warning is silenced here: filters of warnings belong to all threads of the process.
        with Image.open(file, formats=decoders(kind.content_type)) as image:
            if kind.main:
                image.seek(kind.main)
            yield image
    except UnreadablePictureError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadablePictureError(f"the image cannot be decoded: it is no readable {kind.content_type}") from error
    except Image.DecompressionBombError as error:
        raise UnreadablePictureError(_too_large()) from error
    except MemoryError:
        raise
    except Exception as error:
        # Damaged data make decoders raise errors of any type: OSError, SyntaxError, struct.error, IndexError, ...
        raise UnreadablePictureError(f"the image cannot be decoded: {_sentence(error)}") from error


def _facts(image: Image.Image, file: BinaryIO, kind: _Kind, full: bool) -> PictureFacts:
    width, height = _stored_size(image)
    if width * height > PIXELS:
        raise UnreadablePictureError(_too_large())
    tags = _tags(image, file, kind, full)
    if tags.orientation in SIDEWAYS:
        width, height = height, width
    return PictureFacts(kind.content_type, width, height, tags, kind.pages)


def _tags(image: Image.Image, file: BinaryIO, kind: _Kind, full: bool) -> CameraTags:
    tags = read_tags(image, file, full)
    if not kind.main:
        return tags
    # Cameras write what holds for the whole file into its first directory, which here is that of a preview.
    image.seek(0)
    front = read_tags(image, file, full)
    image.seek(kind.main)
    return tags.completed_by(front)


def _decode(image: Image.Image) -> None:
    width, height = image.size
    # All bits of a JPEG are read for luma at an eighth of its size, for a third of the work; other formats ignore this.
    image.draft("L", (max(1, width // 8), max(1, height // 8)))
    image.load()
    frames = getattr(image, "n_frames", 1) if image.format in _MANY_FRAMES else 1
    if frames > FRAMES:
        raise UnreadablePictureError(f"the image has {frames:,} frames, and at most {FRAMES:,} are decoded")
    first = image.tell()
    for frame in (*range(first), *range(first + 1, frames)):
        image.seek(frame)
        width, height = _stored_size(image)
        if width * height > PIXELS:
            raise UnreadablePictureError(_too_large(f"page {frame + 1} of "))
        image.load()


def _stored_size(image: Image.Image) -> tuple[int, int]:
    # Pillow turns a TIFF by its orientation as it opens it, and only a TIFF.
    if isinstance(image, TiffImageFile):
        return int(image.tag_v2[IMAGEWIDTH]), int(image.tag_v2[IMAGELENGTH])
    return image.size


def _check_end(file: BinaryIO, kind: _Kind) -> None:
    """Check that a GIF ends with its trailer: a decoder takes the end of the file for it."""
    if kind.content_type != GIF:
        return
    try:
        check_blocks(file)
    except DamagedGifError as error:
        raise UnreadablePictureError(f"the image cannot be decoded: {error}") from error


def _check_chunks(file: BinaryIO) -> None:
    """Check a PNG's checksums up to its end, at which Pillow does not look behind the pixels."""
    end = file.seek(0, os.SEEK_END)
    at, name = 8, b""
    while name != b"IEND":
        file.seek(at)
        head = file.read(8)
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or at + 12 + length > end:
            raise UnreadablePictureError("the image cannot be decoded: the PNG is cut short")
        checksum = zlib.crc32(name)
        for start in range(0, length, _READ_BYTES):
            checksum = zlib.crc32(file.read(min(_READ_BYTES, length - start)), checksum)
        if file.read(4) != checksum.to_bytes(4, "big"):
            raise UnreadablePictureError(f"the image cannot be decoded: the PNG's chunk {name!r} is damaged")
        at += 12 + length


def _too_large(part: str = "") -> str:
    return f"{part}the image has more than {PIXELS:,} pixels"


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."
