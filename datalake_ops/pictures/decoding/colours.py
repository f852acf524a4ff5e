"""Colours as sRGB: embedded ICC profiles are applied."""

from __future__ import annotations

import io
from functools import lru_cache
from itertools import product

from PIL import Image, ImageChops, ImageCms, ImageStat

# Differences in levels of 255 up to which a profile's effect is that of rounding, and of another curve near sRGB's.
_ROUNDING = 1
_SAME_BRIGHTNESS = 3
_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}


class _Conversion:
    """Transform of a profile to sRGB, and its effect on colours and on greys."""

    def __init__(self, profile: bytes) -> None:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        self.mode = _SPACES.get(str(source.profile.xcolor_space), "")
        self.transform = ImageCms.buildTransform(
            source,
            _srgb(),
            self.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        greys, colours = self._effect(_grey_ramp()), self._effect(_colour_cube())
        self.changes_brightness = greys > _SAME_BRIGHTNESS
        self.changes_colours = max(greys, colours) > _ROUNDING

    def _effect(self, probe: Image.Image) -> float:
        if self.mode == "CMYK":
            return 255.0
        changed = _applied(probe.convert(self.mode), self.transform)
        difference = ImageChops.difference(changed, probe.convert(self.mode).convert("RGB"))
        return float(max(high for _, high in ImageStat.Stat(difference).extrema))


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an image of mode L, LA, RGB, RGBA, CMYK or LAB in sRGB, with its transparency; grey may stay grey.

    CMYK without a profile is taken for plain inks, as browsers and ImageMagick do.
    """
    if image.mode == "LAB":
        return _applied(image, _lab_to_srgb())
    conversion = _conversion_of(image, profile)
    if conversion is None or not conversion.changes_colours:
        return image.convert("RGB") if image.mode == "CMYK" else image
    if image.mode in ("LA", "RGBA"):
        colours = _applied(image.convert(conversion.mode), conversion.transform)
        colours.putalpha(image.getchannel("A"))
        return colours
    return _applied(image, conversion.transform)


def changes_brightness(image: Image.Image, profile: bytes | None) -> bool:
    """Return True if sRGB values of an image differ from its own in more than the hue."""
    conversion = _conversion_of(image, profile)
    return conversion is not None and conversion.changes_brightness


def _applied(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    changed = ImageCms.applyTransform(image, transform)
    if changed is None:
        raise RuntimeError("A transform of a new image returns it.")
    return changed


def _conversion_of(image: Image.Image, profile: bytes | None) -> _Conversion | None:
    conversion = _conversion(profile) if profile else None
    base = {"LA": "L", "RGBA": "RGB"}.get(image.mode, image.mode)
    return conversion if conversion is not None and conversion.mode == base else None


@lru_cache(maxsize=8)
def _conversion(profile: bytes) -> _Conversion | None:
    try:
        return _Conversion(profile)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        # A broken profile says nothing of the colours; browsers show such a picture as it is, too.
        return None


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@lru_cache(maxsize=1)
def _lab_to_srgb() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), _srgb(), "LAB", "RGB")


def _grey_ramp() -> Image.Image:
    return Image.linear_gradient("L").convert("RGB")


def _colour_cube() -> Image.Image:
    steps = range(0, 256, 51)
    cube = Image.new("RGB", (len(steps) ** 3, 1))
    cube.putdata(list(product(steps, repeat=3)))
    return cube
