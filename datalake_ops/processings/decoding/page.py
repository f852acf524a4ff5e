"""Page behind a transparent picture, of a shade on which the picture can be seen."""

from __future__ import annotations

import numpy as np
from PIL import Image

_WHITE, _BLACK, _GREY = 255, 0, 128
# Difference of luma that can be seen, and the share of a picture that is to be seen on white.
_CONTRAST = 32
_ENOUGH = 0.75


def over_page(image: Image.Image) -> Image.Image:
    """Lay an RGBA image over white; over black or grey, where more of it shows, when white hides a quarter of it."""
    shade = _shade(image)
    page = Image.new("RGBA", image.size, (shade, shade, shade, 255))
    return Image.alpha_composite(page, image).convert("RGB")


def _shade(image: Image.Image) -> int:
    alpha = np.asarray(image.getchannel("A"), dtype=np.float64)
    total = float(alpha.sum())
    if total == 0:
        return _WHITE
    luma = np.asarray(image.convert("RGB").convert("L"), dtype=np.float64)

    def visible(shade: int) -> float:
        return float(alpha[np.abs(luma - shade) > _CONTRAST].sum()) / total

    return _WHITE if visible(_WHITE) >= _ENOUGH else max((_WHITE, _BLACK, _GREY), key=visible)
