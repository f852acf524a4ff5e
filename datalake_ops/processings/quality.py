"""Image quality: sharpness, brightness and resolution as numbers, and the tags of what falls below a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from datalake_ops.processings.contract import BadParametersError
from datalake_ops.processings.pictures import Grey, grey

BLURRED, DARK, OVEREXPOSED, LOW_RESOLUTION = TAGS = ("blurred", "dark", "overexposed", "low-resolution")
SIDE = 768  # pixels of the longest side at which images are compared with each other
_WINDOW = 11


@dataclass(frozen=True)
class QualityParameters:
    """Thresholds of the quality tags.

    `blur_threshold`: sharpness (0 to 100) below which an image is blurred. Photographs in focus measure 58 to 85 here,
    the same ones blurred by two pixels 25 to 56. `dark_threshold` and `bright_threshold`: mean luma (0 to 255) below
    which an image is dark and above which it is overexposed. `min_side`: minimum of the shorter side in pixels.
    `tag_prefix` is put before every tag.

    Raises:
        BadParametersError: a value is out of its range.
    """

    blur_threshold: float = 57.0
    dark_threshold: float = 40.0
    bright_threshold: float = 190.0
    min_side: int = 256
    tag_prefix: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.blur_threshold <= 100:
            raise BadParametersError(f"blur_threshold must be between 0 and 100, not {self.blur_threshold}.")
        if not 0 <= self.dark_threshold <= self.bright_threshold <= 255:
            raise BadParametersError(
                "dark_threshold and bright_threshold must be between 0 and 255, the first at most the second; "
                f"got {self.dark_threshold} and {self.bright_threshold}."
            )
        if self.min_side < 0:
            raise BadParametersError(f"min_side must be a number of pixels, not {self.min_side}.")


@dataclass(frozen=True)
class Quality:
    """Measurements of an image: sharpness 0 to 100, mean luma 0 to 255, and the full size in pixels."""

    sharpness: float
    brightness: float
    width: int
    height: int

    def tags(self, parameters: QualityParameters) -> list[str]:
        """Tags of the thresholds that this quality fails."""
        failed = (
            self.sharpness < parameters.blur_threshold,
            self.brightness < parameters.dark_threshold,
            self.brightness > parameters.bright_threshold,
            min(self.width, self.height) < parameters.min_side,
        )
        return [parameters.tag_prefix + tag for tag, has_failed in zip(TAGS, failed, strict=True) if has_failed]


def measure_quality(image: Image.Image, width: int, height: int) -> Quality:
    """Measure an image, which may have been decoded below its full size."""
    luma = grey(image, SIDE)
    return Quality(sharpness(luma), float(luma.mean()), width, height)


def sharpness(luma: Grey) -> float:
    """Share of the differences between neighbouring pixels that a blur would remove, in percent.

    A picture that is blurred already has little left to lose. The measure is that of Crete, Dolmiere, Ladret and
    Nicolas ("The blur effect", SPIE 6492, 2007), inverted. As a ratio it does not depend on contrast or exposure, so
    that a dark picture is not called blurred. A picture without any difference counts as sharp: nothing says otherwise.
    """
    if min(luma.shape) <= _WINDOW:
        return 100.0
    return 100.0 * min(_blur_loss(luma), _blur_loss(luma.T))


def _blur_loss(luma: Grey) -> float:
    sums = np.cumsum(np.vstack([np.zeros((1, luma.shape[1])), luma]), axis=0, dtype=np.float64)
    blurred = (sums[_WINDOW:] - sums[:-_WINDOW]) / _WINDOW
    first = _WINDOW // 2
    central = luma[first : first + blurred.shape[0]]
    before = np.abs(np.diff(central, axis=0))
    lost = np.maximum(0.0, before - np.abs(np.diff(blurred, axis=0)))
    total = float(before.sum())
    return float(lost.sum()) / total if total > 0 else 1.0
