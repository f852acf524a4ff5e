"""Image files decoded to be looked at."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from datalake_ops.pictures.decoding.opening import opener
from datalake_ops.pictures.display import decode_to_show
from datalake_ops.pictures.inspection import UnreadablePictureError

__all__ = ["UnreadablePictureError", "open_picture"]


def open_picture(path: Path, side: int | None = None) -> Image.Image:
    """Decode an image to be looked at, as `pictures.display.decode_to_show` does.

    Raises:
        UnreadablePictureError: it cannot be decoded.
    """
    return decode_to_show(opener(path), side)
