"""Sizes of decoded pictures: reduction strip by strip, and turning upright."""

from __future__ import annotations

from PIL import Image

# Pixels that are converted at a time, before they are reduced.
_STRIP_PIXELS = 1 << 22
_KEPT_MODES = frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "LAB"})
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def reduced(image: Image.Image, factor: int, mode: str) -> Image.Image:
    """Image in another mode, each pixel the mean of `factor` by `factor`; never holds a converted copy of all of it."""
    if factor == 1:
        return image if image.mode == mode else image.convert(mode)
    # Pillow reduces transparent pictures by way of two more copies of them.
    if image.mode == mode and mode not in ("LA", "RGBA"):
        return image.reduce(factor)
    width, height = image.size
    result = Image.new(mode, (-(-width // factor), -(-height // factor)))
    rows = max(1, _STRIP_PIXELS // width // factor) * factor
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows)))
        result.paste(strip.convert(mode).reduce(factor), (0, top // factor))
    return result


def plain_mode(image: Image.Image) -> str:
    """Mode in which an image is reduced: its own, or that into which Pillow converts it without loss of 8 bits."""
    if image.has_transparency_data:
        return "LA" if image.mode in ("1", "L", "LA") else "RGBA"
    if image.mode == "1":
        return "L"
    return image.mode if image.mode in _KEPT_MODES else "RGB"


def whole_factor(image: Image.Image, side: int | None) -> int:
    """Factor by which an image can be reduced without its longest side falling below `side`."""
    return max(1, max(image.size) // side) if side else 1


def fitted(image: Image.Image, side: int) -> Image.Image:
    """Image whose longest side is `side` pixels at most, each pixel the mean of those that it replaces."""
    factor = side / max(image.size)
    if factor >= 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    # The mean neither adds nor removes sharpness in between.
    return image.resize(size, Image.Resampling.BOX)


def at_least(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Size with the same shape and a longest side of `side`, never enlarged."""
    factor = min(1.0, side / max(size))
    return max(1, int(size[0] * factor)), max(1, int(size[1] * factor))


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Image turned as EXIF's orientation says."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)
