"""Conversion of a picture that a platform does not read into one that every platform reads."""

from __future__ import annotations

import tempfile
from pathlib import PurePosixPath
from typing import BinaryIO

from PIL import Image, ImageOps

from datalake_ops.errors import UnsupportedFileError
from datalake_ops.pictures.exif import read_tags
from datalake_ops.pictures.inspection import UnreadablePictureError, opened
from datalake_ops.pictures.jpeg_2000 import is_misread
from datalake_ops.upload.sources.entry import OpenFile, as_stream
from datalake_ops.upload.sources.streams import spooled
from datalake_ops.wire.image_metadata import ORIENTATION, UPRIGHT

# As good as a camera's own JPEG: no reduced colours, and losses that nobody sees.
_JPEG_OPTIONS = {"quality": 95, "subsampling": 0}
_IN_JPEG = frozenset({"L", "RGB"})
_IN_PNG = frozenset({"LA", "RGBA", "I;16", "1", "P"})
_IN_MEMORY = 16 * 1024 * 1024


def converted(file: OpenFile) -> OpenFile:
    """Return a picture as a JPEG, or as a PNG if it is transparent or deeper than 8 bits; its EXIF stays. Blocks.

    Raises:
        UnsupportedFileError: it cannot be decoded here, or no other format holds its pixels.
    """
    source = as_stream(file)
    try:
        with opened(source) as image:
            if is_misread(image, source):
                raise UnreadablePictureError("colours of more than 8 bits in a JPEG 2000 are not read here")
            exif = _exif(image, source)
            profile = image.info.get("icc_profile")
            form, options = _form(image)
            with tempfile.SpooledTemporaryFile(_IN_MEMORY, prefix="datalake-ops-") as target:
                ImageOps.exif_transpose(image).save(target, form, exif=exif, icc_profile=profile, **options)
                target.seek(0)
                return spooled(_named(file.path, form), target)
    except (UnreadablePictureError, OSError) as error:
        raise UnsupportedFileError(f"{file.path} cannot be converted: {error}", file.path) from error


def _form(image: Image.Image) -> tuple[str, dict[str, int]]:
    if image.mode in _IN_JPEG:
        return "JPEG", _JPEG_OPTIONS
    if image.mode in _IN_PNG:
        return "PNG", {}
    raise UnreadablePictureError(f"neither JPEG nor PNG holds pixels of its kind ({image.mode})")


def _exif(image: Image.Image, source: BinaryIO) -> bytes:
    """EXIF of the picture, which is turned upright before it is saved."""
    orientation = read_tags(image, source).orientation
    exif = image.getexif()
    exif[ORIENTATION] = orientation
    image.load()
    kept = Image.Exif()
    kept.load(exif.tobytes())
    kept[ORIENTATION] = UPRIGHT
    return kept.tobytes()


def _named(path: str, form: str) -> str:
    suffix = {"JPEG": ".jpg", "PNG": ".png"}[form]
    stem = path.removesuffix(PurePosixPath(path).suffix)
    return f"{stem}{suffix}"
