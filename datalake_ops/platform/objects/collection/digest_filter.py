"""Bloom filter of object digests: a million fit into 4 MB."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

_BITS = 32  # per digest
_WORDS = struct.Struct("<4Q")


class DigestFilter:
    """Set of SHA-256 digests that never denies one that was added, and confirms about 1 in 5,000 that was not.

    Which ones those are differs from filter to filter.
    """

    def __init__(self, count: int) -> None:
        """Make room for `count` digests."""
        least = max(4096, count * _BITS)
        self._size = random.randrange(least, least + least // 4)
        self._bits = bytearray(self._size // 8 + 1)

    def add(self, digest: bytes) -> None:
        """Add a digest of 32 bytes."""
        for place in self._places(digest):
            self._bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, digest: bytes) -> bool:
        return all(self._bits[place >> 3] & 1 << (place & 7) for place in self._places(digest))

    def _places(self, digest: bytes) -> Iterator[int]:
        return (word % self._size for word in _WORDS.unpack(digest))
