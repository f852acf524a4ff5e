"""Small copies of pictures to be looked at: upright, in sRGB, as JPEG. For the child processes that decode files."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image, ImageCms

from datalake_ops.pictures.exif import read_tags
from datalake_ops.pictures.inspection import UnreadablePictureError, opened
from datalake_ops.wire.image_metadata import ORIENTATION, UPRIGHT

# Longest sides in pixels: of a picture among many, and of one alone.
SMALL, LARGE = 320, 2048
_QUALITY = 82
_PAGE = (255, 255, 255)
_DEEP_MODES = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def small_copy(file: BinaryIO, side: int) -> bytes:
    """JPEG of a picture whose longest side is at most `side` pixels; a smaller picture keeps its size.

    Raises:
        UnreadablePictureError: it cannot be decoded.
    """
    with opened(file) as image:
        profile = image.info.get("icc_profile")
        orientation = read_tags(image, file).orientation
        image.draft("RGB", (2 * side, 2 * side))
        if image.format == "TIFF":
            # Pillow turns a TIFF as it decodes it, and only a TIFF.
            image.getexif()[ORIENTATION] = orientation
            orientation = UPRIGHT
        image.load()
        shown = _plain(image)
        shown.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
        shown = _on_page(_in_srgb(shown, profile))
        if orientation in _TURNS:
            shown = shown.transpose(_TURNS[orientation])
        content = io.BytesIO()
        shown.save(content, "JPEG", quality=_QUALITY)
        return content.getvalue()


def _plain(image: Image.Image) -> Image.Image:
    """Picture of 8 bits a channel; deep samples are spread over what can be seen."""
    if image.mode in _DEEP_MODES:
        samples = image.convert("I").convert("F") if image.mode != "F" else image
        low, high = samples.getextrema()
        if not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
            raise UnreadablePictureError("the samples of the image have no range")
        return samples.point(_spread(float(low), float(high))).convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _spread(low: float, high: float) -> Callable[[float], float]:
    scale = 255 / (high - low) if high > low else 0.0
    offset = -low * scale
    # Pillow reads scale and offset from the expression, which it calls with a stand-in for the samples.
    return lambda value: value * scale + offset


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        shown = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGBA" if image.mode == "RGBA" else "RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return image  # A damaged profile, or one of another colour space; the picture is shown without.
    return shown or image


def _on_page(image: Image.Image) -> Image.Image:
    if image.mode == "RGBA":
        page = Image.new("RGB", image.size, _PAGE)
        page.paste(image, mask=image.getchannel("A"))
        return page
    return image if image.mode in ("L", "RGB") else image.convert("RGB")
