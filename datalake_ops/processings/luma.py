"""Image files decoded to be judged: luma, upright and reduced, with the weight of each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datalake_ops.pictures.decoding.colours import changes_brightness, to_srgb
from datalake_ops.pictures.decoding.geometry import at_least, fitted, plain_mode, reduced, upright, whole_factor
from datalake_ops.pictures.decoding.opening import decoded, opened, opener
from datalake_ops.pictures.decoding.sample_format import ValueScale
from datalake_ops.processings.exposure_scale import ExposureScale

# Pixels above which a picture is reduced in whole steps before it is converted and measured.
_LARGE = 1 << 24

Luma = NDArray[np.uint8]
Weights = NDArray[np.float32]


@dataclass(frozen=True)
class LumaPicture:
    """Luma (0 to 255) of a picture, and the weight (0 to 1) of each pixel; None where all count in full.

    `size` is that of the decoded picture. `unknown_exposure` has the reason that nothing can be said of it, `note` what
    is to be known of the scale.
    """

    luma: Luma
    weights: Weights | None = None
    size: tuple[int, int] = (0, 0)
    unknown_exposure: str = ""
    note: str = ""

    @classmethod
    def of(cls, image: Image.Image, side: int, **told: str) -> LumaPicture:
        """Luma of an image with a longest side of at most `side`."""
        has_alpha = image.has_transparency_data
        small = fitted(image.convert("LA" if has_alpha else "L"), side)
        alpha = np.asarray(small.getchannel("A")) if has_alpha else None
        # An opaque picture is one, whether its file has alpha or not.
        weights = None if alpha is None or alpha.min() == 255 else alpha.astype(np.float32) / np.float32(255)
        return cls(np.asarray(small.getchannel("L")), weights, image.size, **told)


def open_luma(path: Path, side: int, value_range: ValueScale | None = None) -> LumaPicture:
    """Decode an image to be judged: luma with a longest side of at most `side`.

    Samples of more than 8 bits are read on `value_range`, or on the scale that the file tells.

    Raises:
        UnreadablePictureError: it cannot be decoded.
    """
    scale = ExposureScale(value_range)
    open_file = opener(path)
    with opened(open_file) as image:
        profile = image.info.get("icc_profile")
        needs_colours = changes_brightness(image, profile)
        image.draft("RGB" if needs_colours else "L", at_least(image.size, side))
        with decoded(image, open_file, scale) as (pixels, orientation):
            mode = plain_mode(pixels)
            is_costly = pixels.width * pixels.height > _LARGE or mode in ("LA", "RGBA")
            judged = reduced(pixels, whole_factor(pixels, 2 * side if is_costly else None), mode)
            if needs_colours or mode in ("CMYK", "LAB"):
                judged = to_srgb(judged, profile)
            told = {"unknown_exposure": scale.unknown_exposure, "note": scale.note}
            return LumaPicture.of(upright(judged, orientation), side, **told)
