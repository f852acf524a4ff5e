"""Image quality: sharpness, brightness and resolution as numbers, and the tags of what falls below a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datalake_ops.pictures.decoding.sample_format import ValueScale
from datalake_ops.processings.contract import BadParametersError
from datalake_ops.processings.luma import Luma, LumaPicture, Weights

BLURRED, DARK, OVEREXPOSED, LOW_RESOLUTION = TAGS = ("blurred", "dark", "overexposed", "low-resolution")
EXPOSURE_TAGS = (DARK, OVEREXPOSED)
SIDE = 768  # pixels of the longest side at which images are compared with each other
_WINDOW = 11
_HALF = 0.5


@dataclass(frozen=True)
class QualityParameters:
    """Thresholds of the quality tags.

    `blur_threshold`: sharpness (0 to 100) below which an image is blurred. Photographs in focus measure 58 to 85 here,
    the same ones blurred by two pixels 25 to 56. `dark_threshold` and `bright_threshold`: mean luma (0 to 255) below
    which an image is dark and above which it is overexposed. `min_side`: minimum of the shorter side in pixels.
    `tag_prefix` is put before every tag. `value_range`: values of black and white in pictures of more than 8 bits, such
    as [0, 4095], instead of those that their files tell. `keep_old`: no tag of an earlier run is taken off.

    Raises:
        BadParametersError: a value is out of its range.
    """

    blur_threshold: float = 57.0
    dark_threshold: float = 40.0
    bright_threshold: float = 190.0
    min_side: int = 256
    tag_prefix: str = ""
    value_range: tuple[float, float] | None = None
    keep_old: bool = False

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
        if self.value_range is not None and not self.value_range[0] < self.value_range[1]:
            raise BadParametersError(
                f"value_range must be the value of black and a greater one of white, not {list(self.value_range)}."
            )

    @property
    def value_scale(self) -> ValueScale | None:
        """`value_range` as a scale."""
        return None if self.value_range is None else ValueScale(*self.value_range)


@dataclass(frozen=True)
class Quality:
    """Measurements of an image: sharpness 0 to 100, mean luma 0 to 255, and the full size in pixels.

    The mean is None when nothing tells which values are dark and bright.
    """

    sharpness: float
    brightness: float | None
    width: int
    height: int

    def tags(self, parameters: QualityParameters) -> list[str]:
        """Tags of the thresholds that this quality fails."""
        failed = (
            self.sharpness < parameters.blur_threshold,
            self.brightness is not None and self.brightness < parameters.dark_threshold,
            self.brightness is not None and self.brightness > parameters.bright_threshold,
            min(self.width, self.height) < parameters.min_side,
        )
        return [parameters.tag_prefix + tag for tag, has_failed in zip(TAGS, failed, strict=True) if has_failed]


def measure_quality(picture: LumaPicture | Image.Image, width: int, height: int) -> Quality:
    """Measure a picture of this full size, which may have been decoded below it.

    Pixels count by their weight: what is transparent or without data is no part of the picture.
    """
    if isinstance(picture, Image.Image):
        picture = LumaPicture.of(picture, SIDE)
    return Quality(sharpness(picture.luma, picture.weights), _brightness(picture), width, height)


def sharpness(luma: Luma, weights: Weights | None = None) -> float:
    """Share of the differences between neighbouring pixels that a blur would remove, in percent.

    A picture that is blurred already has little left to lose. The measure is that of Crete, Dolmiere, Ladret and
    Nicolas ("The blur effect", SPIE 6492, 2007), inverted. As a ratio it does not depend on contrast or exposure, so
    that a dark picture is not called blurred. A picture without any difference counts as sharp: nothing says otherwise.
    So does one without a stretch of pixels of some weight as long as the blur is wide.
    """
    if min(luma.shape) <= _WINDOW:
        return 100.0
    counts = None if weights is None else weights >= _HALF
    return 100.0 * min(_blur_loss(luma, counts), _blur_loss(luma.T, None if counts is None else counts.T))


def _brightness(picture: LumaPicture) -> float | None:
    weights = picture.weights
    if picture.unknown_exposure or (weights is not None and not weights.any()):
        return None
    return float(np.average(picture.luma, weights=weights))


def _blur_loss(luma: Luma, counts: NDArray[np.bool_] | None) -> float:
    # Means of a window of pixels at neighbouring places differ by its first and last pixel only. Times the window, all
    # numbers are whole and fit into 16 bits.
    values = luma.astype(np.int16)
    first = _WINDOW // 2
    before = np.abs(np.diff(values[first:-first], axis=0)) * np.int16(_WINDOW)
    lost = np.maximum(before - np.abs(values[_WINDOW:] - values[:-_WINDOW]), 0)
    if counts is not None:
        gaps = np.cumsum(np.vstack([np.zeros_like(counts[:1]), ~counts]), axis=0, dtype=np.int32)
        is_whole = gaps[_WINDOW + 1 :] == gaps[: -_WINDOW - 1]
        before, lost = before[is_whole], lost[is_whole]
    total = int(before.sum(dtype=np.int64))
    return int(lost.sum(dtype=np.int64)) / total if total > 0 else 1.0
