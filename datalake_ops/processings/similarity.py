"""Image similarity: perceptual hashes of 64 bits, and groups of near ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datalake_ops.processings.contract import BadParametersError
from datalake_ops.processings.hash_groups import group_hashes, widest_distance

__all__ = ["SimilarityParameters", "group_hashes", "perceptual_hash", "widest_distance"]

_SIDE = 32  # pixels that an image is reduced to
_LOW = 8  # lowest frequencies of each direction that are kept
_PLAIN = 2.0  # standard deviation of luma below which an image has nothing to compare
# Amplitude of a frequency, in grey levels, and share of the mean amplitude, below which it is the noise of rounding and
# compression; and the largest such share, for pictures of little contrast.
_NOISE_LEVELS, _NOISE_SHARE, _LARGEST_NOISE_SHARE = 1 / 16, 0.02, 0.25


@dataclass(frozen=True)
class SimilarityParameters:
    """Similarity threshold: bits of 64 in which an image may differ from the oldest of its group.

    A copy that was resized or slightly retouched differs by 0 to 4, another photograph by 18 or more. `tag_prefix` is
    put before every tag. `keep_old`: no tag of an earlier run is taken off.

    Raises:
        BadParametersError: a value is out of its range.
    """

    max_distance: int = 8
    tag_prefix: str = ""
    keep_old: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.max_distance <= 16:
            raise BadParametersError(
                f"max_distance must be between 0 and 16, not {self.max_distance}: beyond that, unrelated images match."
            )


def perceptual_hash(image: Image.Image) -> int | None:
    """Perceptual hash of 64 bits, nearly unchanged by resizing, compression and slight edits; None for a plain image.

    Each bit is set if one of the lowest frequencies of the picture is stronger than their median.
    """
    small = image.convert("L").convert("F").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    luma = np.asarray(small, dtype=np.float64)
    if luma.std() < _PLAIN:
        return None
    # The first is the mean brightness, which tells nothing of the content.
    waves = (_COSINES @ luma @ _COSINES.T)[:_LOW, :_LOW].ravel()[1:]
    # Half of the frequencies of a mirror-symmetric picture are zero; the noise in them would set bits at random.
    waves[np.abs(waves) < _noise(waves)] = 0.0
    bits = np.concatenate([[False], waves > np.median(waves)])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _noise(waves: NDArray[np.float64]) -> float:
    # The transform is not normalized: an amplitude of one grey level is a quarter of the pixels' number.
    levels = _NOISE_LEVELS * _SIDE * _SIDE / 4
    mean = float(np.sqrt(np.mean(waves**2)))
    return min(max(levels, _NOISE_SHARE * mean), _LARGEST_NOISE_SHARE * mean)


def _cosines() -> NDArray[np.float64]:
    steps = np.arange(_SIDE)
    return np.cos(np.pi * (2 * steps[None, :] + 1) * steps[:, None] / (2 * _SIDE))


_COSINES = _cosines()
