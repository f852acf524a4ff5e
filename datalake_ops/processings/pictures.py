"""Image files decoded for analysis: upright, in RGB or luma."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from datalake_ops.wire.image_metadata import ORIENTATION, orientation_from_exif

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")

Grey = NDArray[np.float32]


class UnreadablePictureError(ValueError):
    """The file cannot be decoded; the text has the reason."""


def open_picture(path: Path, side: int | None = None) -> Image.Image:
    """Decode an image, upright and in RGB; `side` is the longest side that is needed, in pixels.

    A JPEG may be decoded at a reduced size, but never below `side`: that takes much less time.

    Raises:
        UnreadablePictureError: it cannot be decoded.
    """
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            if side is not None:
                image.draft("RGB", _at_least(image.size, side))
            return _flat(_upright(image))
    except UnidentifiedImageError as error:
        raise UnreadablePictureError("no image of a known format") from error
    except Exception as error:
        # Damaged data make decoders raise errors of any type.
        raise UnreadablePictureError(f"cannot be decoded: {str(error) or type(error).__name__}") from error


def _upright(image: Image.Image) -> Image.Image:
    exif = image.getexif()
    # Pillow turns by SHORT only, platform and upload also by what some cameras write instead.
    exif[ORIENTATION] = orientation_from_exif(exif)
    return ImageOps.exif_transpose(image)


def grey(image: Image.Image, side: int) -> Grey:
    """Luma (0 to 255) of an image, reduced if its longest side is above `side` pixels."""
    luma = image.convert("L")
    factor = side / max(luma.size)
    if factor < 1:
        size = (max(1, round(luma.width * factor)), max(1, round(luma.height * factor)))
        # Each pixel is the mean of those it replaces, which neither adds nor removes sharpness in between.
        luma = luma.resize(size, Image.Resampling.BOX)
    return np.asarray(luma, dtype=np.float32)


def _at_least(size: tuple[int, int], side: int) -> tuple[int, int]:
    factor = min(1.0, side / max(size))
    return max(1, int(size[0] * factor)), max(1, int(size[1] * factor))


def _flat(image: Image.Image) -> Image.Image:
    """RGB without transparency: transparent pixels become white."""
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        return _eight_bits(image).convert("RGB")
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        page = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(page, colours).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey image of more than 8 bits stretched to 256 levels, from its darkest to its brightest pixel."""
    values = np.asarray(image, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    spread = (values - low) * (255.0 / (high - low) if high > low else 0.0)
    return Image.fromarray(spread.astype(np.uint8))
