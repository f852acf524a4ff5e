"""Groups of hashes around representatives: every member is within a Hamming distance of its group's representative."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from datalake_ops.processings.hash_index import BLOCK_PAIRS, Hashes, HashIndex, Positions, distances

# Hashes whose mutual distances are computed at once; the index serves those behind them.
_BLOCK = 1024
# Members of a group that are compared with all others for its widest distance.
_WIDEST_ROWS = 4096


def group_hashes(hashes: Sequence[int], max_distance: int, *, in_order: bool = False) -> list[list[int]]:
    """Positions of hashes that lie within `max_distance` bits of a representative, per group of two or more.

    Each hash, by value, is taken in by the earliest representative that is near enough, or becomes one: a slow pan is
    cut into groups whose ends differ by twice `max_distance` at most. With `in_order` the earlier ones of `hashes` are
    representatives first, so that later additions leave the groups of the earlier ones as they are.
    """
    if not hashes:
        return []
    values, first, inverse = np.unique(np.array(hashes, dtype=np.uint64), return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable") if in_order else np.arange(len(values))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    representatives = find_representatives(values[order], max_distance)[rank[inverse]]
    groups: dict[int, list[int]] = defaultdict(list)
    for position, representative in enumerate(representatives.tolist()):
        groups[representative].append(position)
    return [members for members in groups.values() if len(members) > 1]


def find_representatives(values: Hashes, max_distance: int) -> Positions:
    """Position of each hash's representative, which is its own for a representative; the hashes are distinct."""
    index = HashIndex(values, max_distance)
    chosen = np.full(len(values), -1, dtype=np.int64)
    for start in range(0, len(values), _BLOCK):
        end = min(start + _BLOCK, len(values))
        open_ones = start + np.flatnonzero(chosen[start:end] < 0)
        if len(open_ones):
            chosen[open_ones] = open_ones[_greedy(values[open_ones], max_distance)]
            heads = open_ones[chosen[open_ones] == open_ones]
            _take_in_later_ones(index, heads, end, chosen)
    return chosen


def widest_distance(hashes: Sequence[int]) -> int:
    """Largest distance between two of the hashes, in bits; a lower bound of it for a group of many thousands."""
    values = np.unique(np.array(hashes, dtype=np.uint64))
    radii = distances(values[:1], values)[0].astype(np.int64)
    # By the triangle inequality two hashes differ by at most the sum of their distances to a third.
    order = np.argsort(-radii, kind="stable")
    values, radii = values[order], radii[order]
    widest = int(radii[0])
    rows = max(1, BLOCK_PAIRS // len(values))
    for start in range(0, min(len(values), _WIDEST_ROWS), rows):
        if radii[start] + radii[0] <= widest:
            break
        widest = max(widest, int(distances(values[start : start + rows], values).max()))
    return widest


def _greedy(values: Hashes, max_distance: int) -> Positions:
    """Position of each hash's representative, by comparing all with all."""
    near = distances(values, values) <= max_distance
    chosen = np.arange(len(values))
    is_open = np.ones(len(values), dtype=bool)
    for row in np.flatnonzero(near.sum(axis=1) > 1):
        if is_open[row]:
            taken = near[row] & is_open
            chosen[taken] = row
            is_open &= ~taken
    return chosen


def _take_in_later_ones(index: HashIndex, heads: Positions, end: int, chosen: Positions) -> None:
    later = end + np.flatnonzero(chosen[end:] < 0)
    if not len(later):
        return
    # The heads come in order, so that what one chunk has taken in belongs to an earlier head than those of the next.
    for some_heads, found in index.neighbours(heads, later):
        fits = (found >= end) & (chosen[found] < 0)
        head, member = some_heads[fits], found[fits]
        order = np.lexsort((head, member))
        head, member = head[order], member[order]
        is_first = np.ones(len(member), dtype=bool)
        is_first[1:] = member[1:] != member[:-1]
        chosen[member[is_first]] = head[is_first]
