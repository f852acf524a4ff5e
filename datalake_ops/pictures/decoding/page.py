"""Page behind a transparent picture, of a shade on which the picture can be seen."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageStat

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
    alpha = image.getchannel("A")
    luma = image.convert("RGB").convert("L")
    total = _sum(alpha)

    def visible(shade: int) -> float:
        mask = luma.point([255 * (abs(level - shade) > _CONTRAST) for level in range(256)])
        return _sum(ImageChops.multiply(alpha, mask)) / total

    if total == 0 or visible(_WHITE) >= _ENOUGH:
        return _WHITE
    return max((_WHITE, _BLACK, _GREY), key=visible)


def _sum(image: Image.Image) -> float:
    return float(ImageStat.Stat(image).sum[0])
