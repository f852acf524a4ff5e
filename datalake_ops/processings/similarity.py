"""Image similarity: perceptual hashes, and groups of hashes within a Hamming distance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datalake_ops.processings.contract import BadParametersError

BITS = 64
_SIDE = 32  # pixels that an image is reduced to
_LOW = 8  # lowest frequencies of each direction that are kept
_PLAIN = 2.0  # standard deviation of luma below which an image has nothing to compare
_BLOCK = 2048

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class SimilarityParameters:
    """Similarity threshold: bits of 64 in which two hashes may differ; `tag_prefix` is put before every tag.

    A copy that was resized or slightly retouched differs by 0 to 4, another photograph by 18 or more.

    Raises:
        BadParametersError: a value is out of its range.
    """

    max_distance: int = 8
    tag_prefix: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.max_distance <= 16:
            raise BadParametersError(
                f"max_distance must be between 0 and 16, not {self.max_distance}: beyond that, unrelated images match."
            )


def perceptual_hash(image: Image.Image) -> int | None:
    """Perceptual hash of 64 bits, nearly unchanged by resizing, compression and slight edits; None for a plain image.

    Each bit is set if one of the lowest frequencies of the picture is stronger than their median.
    """
    small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    luma = np.asarray(small, dtype=np.float64)
    if luma.std() < _PLAIN:
        return None
    waves = (_COSINES @ luma @ _COSINES.T)[:_LOW, :_LOW].ravel()
    # The first is the mean brightness, which tells nothing of the content.
    waves[0] = np.median(waves[1:])
    bits = waves > np.median(waves[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def group_hashes(hashes: Sequence[int], max_distance: int) -> list[list[int]]:
    """Connected components of hashes, joined by pairs within `max_distance` bits; hashes without a neighbour are left
    out.
    """
    values, which = np.unique(np.array(hashes, dtype=np.uint64), return_inverse=True)
    parent = list(range(len(values)))
    for positions in _buckets(values, max_distance):
        for left, right in _pairs(values, positions, max_distance):
            _join(parent, left, right)
    result: dict[int, list[int]] = defaultdict(list)
    for position, value in enumerate(which):
        result[_root(parent, int(value))].append(position)
    return [members for members in result.values() if len(members) > 1]


def _buckets(values: Hashes, max_distance: int) -> list[NDArray[np.intp]]:
    """Sets of positions such that every pair within the distance shares one.

    Hashes are cut into one band more than bits may differ, so two such hashes agree in at least one band, and only
    hashes that agree in a band are compared, instead of all with all.
    """
    bands = max_distance + 1
    edges = [BITS * band // bands for band in range(bands + 1)]
    buckets: list[NDArray[np.intp]] = []
    for low, high in pairwise(edges):
        keys = (values >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(keys, kind="stable")
        ends = np.flatnonzero(np.diff(keys[order])) + 1
        buckets += [bucket for bucket in np.split(order, ends) if len(bucket) > 1]
    return buckets


def _pairs(values: Hashes, positions: NDArray[np.intp], max_distance: int) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(positions), _BLOCK):
        rows = positions[start : start + _BLOCK]
        for across in range(start, len(positions), _BLOCK):
            columns = positions[across : across + _BLOCK]
            near = _distances(values[rows], values[columns]) <= max_distance
            for row, column in np.argwhere(near):
                if rows[row] < columns[column]:
                    pairs.append((int(rows[row]), int(columns[column])))
    return pairs


def _distances(left: Hashes, right: Hashes) -> NDArray[np.uint8]:
    differing = left[:, None] ^ right[None, :]
    counts: NDArray[np.uint8] = _BIT_COUNT[differing.view(np.uint8).reshape(*differing.shape, 8)].sum(
        axis=2, dtype=np.uint8
    )
    return counts


def _join(parent: list[int], left: int, right: int) -> None:
    first, second = sorted((_root(parent, left), _root(parent, right)))
    parent[second] = first


def _root(parent: list[int], position: int) -> int:
    while parent[position] != position:
        parent[position] = parent[parent[position]]
        position = parent[position]
    return position


def _cosines() -> NDArray[np.float64]:
    steps = np.arange(_SIDE)
    return np.cos(np.pi * (2 * steps[None, :] + 1) * steps[:, None] / (2 * _SIDE))


_COSINES = _cosines()
# numpy.bitwise_count came with NumPy 2 only.
_BIT_COUNT = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.uint8)
