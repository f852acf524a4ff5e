"""Image files decoded to be looked at: upright, in sRGB, on a page, and reduced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from datalake_ops.pictures.inspection import UnreadablePictureError
from datalake_ops.processings.decoding.colours import to_srgb
from datalake_ops.processings.decoding.geometry import at_least, plain_mode, reduced, upright, whole_factor
from datalake_ops.processings.decoding.opening import decoded, opened
from datalake_ops.processings.decoding.page import over_page
from datalake_ops.processings.decoding.sample_format import SampleFormat, ValueScale

if TYPE_CHECKING:
    from datalake_ops.processings.decoding.samples import Survey

__all__ = ["UnreadablePictureError", "open_picture"]


def open_picture(path: Path, side: int | None = None) -> Image.Image:
    """Decode an image to be looked at, upright and in sRGB; `side` is the longest side that is needed, in pixels.

    It may come reduced, but never below `side`: that takes much less time and memory. Deep samples are shown on their
    scale, or spread over what can be seen. Transparent pixels become a page on which the others show.

    Raises:
        UnreadablePictureError: it cannot be decoded.
    """
    with opened(path) as image:
        profile = image.info.get("icc_profile")
        if side is not None:
            image.draft("RGB", at_least(image.size, side))
        with decoded(image, path, _scale_to_show) as (pixels, orientation):
            factor = whole_factor(pixels, side and 2 * side)
            shown = to_srgb(reduced(pixels, factor, plain_mode(pixels)), profile)
            page = over_page(shown.convert("RGBA")) if shown.mode in ("LA", "RGBA") else shown.convert("RGB")
            return upright(page, orientation)


def _scale_to_show(form: SampleFormat, survey: Survey) -> ValueScale:
    from datalake_ops.processings.decoding.scales import scale_to_show

    return scale_to_show(form, survey)
