"""Multi-index of 64-bit hashes: neighbours within a Hamming distance, without comparing all with all.

Two hashes that differ in at most d bits, cut into segments, differ in some segment by at most its share of the bits
(Norouzi, Punjani and Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing", 2014). So only those are
compared that have in some segment the key of the other with a few bits flipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray

BITS = 64
# Pairs that are compared at once: some 50 MB of intermediate values.
BLOCK_PAIRS = 1 << 20
# A segment's table has 2 to this power entries at most.
_LONGEST_SEGMENT = 22
# Cost of a look-up in a table, in comparisons of two hashes.
_LOOK_UP = 1.0

Hashes = NDArray[np.uint64]
Positions = NDArray[np.int64]
Pairs = tuple[Positions, Positions]


def distances(left: Hashes, right: Hashes) -> NDArray[np.uint8]:
    """Hamming distances of all pairs."""
    counts: NDArray[np.uint8] = np.bitwise_count(left[:, None] ^ right[None, :])
    return counts


class HashIndex:
    """Multi-index of hashes; without segments, where comparing all with all costs less."""

    def __init__(self, values: Hashes, max_distance: int) -> None:
        self._values = values
        self._max_distance = max_distance
        self._segments = [_Segment.of(values, *plan) for plan in _plan_segments(len(values), max_distance)]

    def neighbours(self, heads: Positions, candidates: Positions) -> Iterator[Pairs]:
        """Pairs of a head and a neighbour within the distance, in chunks, heads ascending; a pair may come repeatedly.

        `candidates` are the positions that matter: a head with more in its buckets is compared with these directly.
        Neighbours from the buckets may be any others too.
        """
        if not self._segments:
            yield from self._compare(heads, candidates)
            return
        at_once = max(1, BLOCK_PAIRS // sum(len(segment.flips) for segment in self._segments))
        for start in range(0, len(heads), at_once):
            yield from self._look_up(heads[start : start + at_once], candidates)

    def _look_up(self, heads: Positions, candidates: Positions) -> Iterator[Pairs]:
        buckets = [segment.buckets(self._values[heads]) for segment in self._segments]
        counts = np.sum([bucket.sizes.sum(axis=1) for bucket in buckets], axis=0)
        ends = np.cumsum(np.minimum(counts, BLOCK_PAIRS))
        start = 0
        while start < len(heads):
            if counts[start] > len(candidates):
                yield from self._compare(heads[start : start + 1], candidates)
                start += 1
                continue
            before = ends[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(ends, before + BLOCK_PAIRS, side="right")))
            crowded = np.flatnonzero(counts[start:end] > len(candidates))
            end = start + int(crowded[0]) if len(crowded) else end
            pairs = [
                segment.members(part.part(start, end)) for segment, part in zip(self._segments, buckets, strict=True)
            ]
            rows, found = (np.concatenate(column) for column in zip(*pairs, strict=True))
            # All segments in one chunk: the neighbours of a head are not to come behind those of a later one.
            yield self._near(heads[start:end][rows], found)
            start = end

    def _near(self, heads: Positions, found: Positions) -> Pairs:
        near = np.bitwise_count(self._values[heads] ^ self._values[found]) <= self._max_distance
        return heads[near], found[near]

    def _compare(self, heads: Positions, candidates: Positions) -> Iterator[Pairs]:
        values = self._values[candidates]
        rows = max(1, BLOCK_PAIRS // max(1, len(candidates)))
        for start in range(0, len(heads), rows):
            part = heads[start : start + rows]
            row, column = np.nonzero(distances(self._values[part], values) <= self._max_distance)
            yield part[row], candidates[column]


@dataclass(frozen=True)
class _Buckets:
    """Start and size of the bucket of each head (rows) and each flip (columns)."""

    starts: Positions
    sizes: Positions

    def part(self, start: int, end: int) -> _Buckets:
        return _Buckets(self.starts[start:end], self.sizes[start:end])


@dataclass(frozen=True)
class _Segment:
    """Table of the hashes by some of their bits."""

    low: int
    bits: int
    flips: Hashes
    order: Positions
    offsets: Positions

    @classmethod
    def of(cls, values: Hashes, low: int, bits: int, radius: int) -> _Segment:
        chosen_bits = (chosen for count in range(radius + 1) for chosen in combinations(range(bits), count))
        flips = [sum(1 << bit for bit in chosen) for chosen in chosen_bits]
        keys = _keys(values, low, bits)
        sizes = np.bincount(keys.astype(np.int64), minlength=1 << bits)
        offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
        return cls(low, bits, np.array(flips, dtype=np.uint64), np.argsort(keys, kind="stable"), offsets)

    def buckets(self, heads: Hashes) -> _Buckets:
        keys = (_keys(heads, self.low, self.bits)[:, None] ^ self.flips[None, :]).astype(np.int64)
        starts = self.offsets[keys]
        return _Buckets(starts, self.offsets[keys + 1] - starts)

    def members(self, buckets: _Buckets) -> Pairs:
        """Rows of the buckets, and the positions in them."""
        sizes, starts = buckets.sizes.ravel(), buckets.starts.ravel()
        filled = np.flatnonzero(sizes)
        sizes, starts = sizes[filled], starts[filled]
        rows = np.repeat(filled // buckets.sizes.shape[1], sizes)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return rows, self.order[np.repeat(starts, sizes) + within]


def _keys(values: Hashes, low: int, bits: int) -> Hashes:
    return (values >> np.uint64(low)) & np.uint64((1 << bits) - 1)


def _plan_segments(count: int, max_distance: int) -> list[tuple[int, int, int]]:
    """Lowest bit, length and radius of each segment, so that a search costs least; none where comparing all does."""
    plans = [_plan(segments, max_distance) for segments in range(-(-BITS // _LONGEST_SEGMENT), max_distance + 2)]
    cost, plan = min(((_cost(plan, count), plan) for plan in plans), default=(float("inf"), []))
    return plan if cost < count / 2 else []


def _plan(segments: int, max_distance: int) -> list[tuple[int, int, int]]:
    edges = [BITS * number // segments for number in range(segments + 1)]
    # Radii r with a sum of (r + 1) equal to the distance plus one suffice: else every segment would exceed its own.
    whole, rest = divmod(max_distance + 1, segments)
    radii = [whole + (number < rest) - 1 for number in range(segments)]
    return [(low, high - low, radius) for (low, high), radius in zip(pairwise(edges), radii, strict=True)]


def _cost(plan: list[tuple[int, int, int]], count: int) -> float:
    keys = [(bits, sum(comb(bits, flipped) for flipped in range(radius + 1))) for _, bits, radius in plan]
    return float(sum(number * (_LOOK_UP + count / 2**bits) for bits, number in keys))
