"""Compact set of texts: 8 bytes a text, for membership tests on millions of them."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any


class HashSet:
    """Set of texts by 64-bit hashes, the same in every process.

    Where a million are in the set, one of 10^13 other texts is taken for one of them.
    """

    def __init__(self, texts: Iterable[str], more: HashSet | None = None) -> None:
        hashes: array[int] = array("Q", map(text_hash, texts))
        if more is not None:
            hashes.extend(more._hashes)
        self._hashes: array[int] = array("Q", sorted(hashes))

    def __contains__(self, text: str) -> bool:
        wanted = text_hash(text)
        at = bisect_left(self._hashes, wanted)
        return at < len(self._hashes) and self._hashes[at] == wanted

    def __len__(self) -> int:
        return len(self._hashes)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Pickles of earlier releases call the hashes marks.
        self._hashes = state["_hashes"] if "_hashes" in state else state["_marks"]


def text_hash(text: str) -> int:
    """Return 64 bits of the hash of a text."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
