"""Very many texts of which only is asked whether one is among them."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b


class HashSet:
    """Knows texts by 8 bytes each, the same in every process.

    Where a million are known, one of 10^13 unknown texts is taken for one of them.
    """

    def __init__(self, texts: Iterable[str], more: HashSet | None = None) -> None:
        marks: array[int] = array("Q", map(mark, texts))
        if more is not None:
            marks.extend(more._marks)
        self._marks: array[int] = array("Q", sorted(marks))

    def __contains__(self, text: str) -> bool:
        wanted = mark(text)
        at = bisect_left(self._marks, wanted)
        return at < len(self._marks) and self._marks[at] == wanted

    def __len__(self) -> int:
        return len(self._marks)


def mark(text: str) -> int:
    """64 bits of the hash of a text."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
