"""Image files for the tests of the platform."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def a_picture(width: int = 320, height: int = 240, seed: int = 0) -> Image.Image:
    """A picture with edges, colours and some noise: sharp and evenly lit."""
    random = np.random.default_rng(seed)
    tiles = random.integers(30, 226, size=(8, 8, 3)).astype(np.uint8)
    large = np.asarray(Image.fromarray(tiles).resize((width, height), Image.Resampling.NEAREST), dtype=np.int16)
    return Image.fromarray((large + random.integers(-12, 13, large.shape)).clip(0, 255).astype(np.uint8))


def as_bytes(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """A picture as a file of some format."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def a_jpeg(width: int = 320, height: int = 240, seed: int = 0, exif: dict[int, object] | None = None) -> bytes:
    """A JPEG file, with an EXIF block if one is given (tag number to value)."""
    block = Image.Exif()
    block.update(exif or {})
    return as_bytes(a_picture(width, height, seed), "JPEG", quality=90, exif=block)
