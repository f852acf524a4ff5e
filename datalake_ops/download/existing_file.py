"""Comparison of files in a directory with data of the lake."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from filecmp import cmp
from pathlib import Path

_CHUNK = 1 << 20


class Match(Enum):
    """Result of comparing a file with a data."""

    SAME = auto()
    OTHER = auto()
    # The sizes agree, and no hash tells more.
    UNKNOWN = auto()


@dataclass(frozen=True)
class ExpectedContent:
    """Size and SHA-256 of a data's file, as far as the platform tells them, and the data's id."""

    size: int | None
    sha256: str | None
    data_id: str

    def match(self, path: Path) -> Match:
        """Compare an existing file, by its hash where one is known; blocks.

        A name that has the data's id is proof enough without a hash, if the size is right. What cannot be read is
        another file.
        """
        try:
            if not path.is_file() or (self.size is not None and path.stat().st_size != self.size):
                return Match.OTHER
            if self.sha256 is not None:
                return Match.SAME if digest(path) == self.sha256 else Match.OTHER
        except OSError:
            return Match.OTHER
        return Match.SAME if self.data_id in path.name else Match.UNKNOWN

    def find(self, paths: Iterable[Path]) -> Path | None:
        """Return the first of these paths that holds the data already, looking no further than one that is free."""
        for path in paths:
            if not os.path.lexists(path):
                return None
            if self.match(path) is Match.SAME:
                return path
        return None


def digest(path: Path) -> str:
    """SHA-256 of a file; blocks."""
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            found.update(piece)
    return found.hexdigest()


def is_same_content(one: Path, other: Path) -> bool:
    """Return True if the other file has the same bytes, False if it cannot be read; blocks."""
    with suppress(OSError):
        return other.is_file() and cmp(one, other, shallow=False)
    return False
