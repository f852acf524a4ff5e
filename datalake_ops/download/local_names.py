"""Safe names on this machine for what the platform calls by names of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import PurePosixPath
from uuid import UUID

from datalake_ops.wire.data import Data

# Most file systems take 255 bytes; the rest is for the mark of a file that is still arriving.
LONGEST_NAME = 220
_LONGEST_SUFFIX = 32
# Separators of every system, and control characters.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]")


def safe_name(name: str) -> str:
    """The name with nothing in it that leads out of a directory or that a file system refuses; may be empty."""
    # Surrogates come from broken UTF-8, and cannot be written.
    clean = _UNSAFE.sub("_", name.encode("utf-8", "replace").decode()).strip()
    return _shortened(clean) if clean.strip(".") else ""


def local_names(data: Iterable[Data], use_id: bool) -> list[str]:
    """One name per data, in order: its file name, or its id with that name's extension.

    A file name that came before in the same call, and one that is no name at all, gets the id in it: two data never
    share a file. The same data given twice share theirs.
    """
    owners: dict[str, UUID] = {}
    names = []
    for one in data:
        name = safe_name(f"{one.id}{_suffix(one.filename)}" if use_id else one.filename) or str(one.id)
        # Some file systems do not tell cases apart. A file may be called by the id of another data.
        free = (way for way in _ways(name, str(one.id)) if owners.setdefault(way.casefold(), one.id) == one.id)
        names.append(next(free))
    return names


def _ways(name: str, identifier: str) -> Iterator[str]:
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
