"""Safe local file names for data of the platform."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import PurePosixPath
from uuid import UUID

from datalake_ops.wire.data import Data

# Most file systems allow 255 bytes; the rest is for the suffix of a partial file.
LONGEST_NAME = 220
_LONGEST_SUFFIX = 32
# Separators of every system, and control characters.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]")


def safe_name(name: str) -> str:
    """Return the name without separators and characters that a file system refuses; may be empty."""
    # Surrogates come from broken UTF-8, and cannot be written.
    clean = _UNSAFE.sub("_", name.encode("utf-8", "replace").decode()).strip()
    return _shortened(clean) if clean.strip(".") else ""


class LocalNames:
    """Names of one call, each owned by one data: two data never share a file."""

    def __init__(self, use_id: bool) -> None:
        self._use_id = use_id
        self._owners: dict[str, UUID] = {}

    def of(self, data: Data) -> Iterator[str]:
        """Yield names of a data without end: its file name, or its id with that name's extension, then with its id.

        Each becomes the data's own. A name that another data has is passed over.
        """
        name = safe_name(f"{data.id}{_suffix(data.filename)}" if self._use_id else data.filename) or str(data.id)
        for candidate in _candidates(name, str(data.id)):
            # Some file systems do not tell cases apart. A file may be called by the id of another data.
            if self._owners.setdefault(candidate.casefold(), data.id) == data.id:
                yield candidate


def local_names(data: Iterable[Data], use_id: bool) -> list[str]:
    """Return the first name of each data, in order; the same data given twice share theirs."""
    names = LocalNames(use_id)
    return [next(names.of(one)) for one in data]


def _candidates(name: str, identifier: str) -> Iterator[str]:
    yield name
    for number in count(1):
        yield _with_id(name, identifier if number == 1 else f"{identifier}-{number}")


def _with_id(name: str, identifier: str) -> str:
    suffix = _suffix(name)
    stem = name[: len(name) - len(suffix)] if suffix else name
    return _shortened(f"{_cut(stem, LONGEST_NAME - 80)}-{identifier}{suffix}")


def _suffix(name: str) -> str:
    suffix = PurePosixPath(name.replace("\\", "/")).suffix
    return suffix if len(suffix.encode("utf-8", "replace")) <= _LONGEST_SUFFIX else ""


def _shortened(name: str) -> str:
    if len(name.encode()) <= LONGEST_NAME:
        return name
    suffix = _suffix(name)
    return _cut(name, LONGEST_NAME - len(suffix.encode())) + suffix


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode("utf-8", "ignore")
