"""Pictures decoded to be looked at: upright, in sRGB, on a page, and reduced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from datalake_ops.pictures.decoding.colours import to_srgb
from datalake_ops.pictures.decoding.geometry import at_least, plain_mode, reduced, upright, whole_factor
from datalake_ops.pictures.decoding.opening import OpenFile, decoded, opened
from datalake_ops.pictures.decoding.page import over_page
from datalake_ops.pictures.decoding.sample_format import SampleFormat, ValueScale

if TYPE_CHECKING:
    from datalake_ops.pictures.decoding.samples import Survey


def decode_to_show(open_file: OpenFile, side: int | None = None) -> Image.Image:
    """Decode a picture to be looked at, upright and in sRGB; `side` is the longest side that is needed, in pixels.

    It may come reduced, but never below `side`: that takes much less time and memory. Deep samples are shown on their
    scale, or spread over what can be seen. Transparent pixels become a page on which the others show.

    Raises:
        UnreadablePictureError: it cannot be decoded.
    """
    with opened(open_file) as image:
        profile = image.info.get("icc_profile")
        if side is not None:
            image.draft("RGB", at_least(image.size, side))
        with decoded(image, open_file, _scale_to_show) as (pixels, orientation):
            factor = whole_factor(pixels, side and 2 * side)
            shown = to_srgb(reduced(pixels, factor, plain_mode(pixels)), profile)
            page = over_page(shown.convert("RGBA")) if shown.mode in ("LA", "RGBA") else shown.convert("RGB")
            return upright(page, orientation)


def small_copy(open_file: OpenFile, side: int) -> Image.Image:
    """Copy of a picture whose longest side is at most `side` pixels; a smaller picture keeps its size.

    Raises:
        UnreadablePictureError: it cannot be decoded.
    """
    copy = decode_to_show(open_file, side)
    copy.thumbnail((side, side), Image.Resampling.LANCZOS)
    return copy


def _scale_to_show(form: SampleFormat, survey: Survey) -> ValueScale:
    from datalake_ops.pictures.decoding.scales import scale_to_show

    return scale_to_show(form, survey)
