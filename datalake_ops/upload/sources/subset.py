"""Subset of a source: the files that a retry uploads."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from datalake_ops.errors import InvalidFileError, UploadError
from datalake_ops.upload.sources.address_chain import split_address
from datalake_ops.upload.sources.hash_set import HashSet


@dataclass(frozen=True)
class Subset:
    """Files of a source that have one of these paths.

    `times` has, by path, the positions (from 0) among the files of the same path; without it all of them are included.
    With `done`, the paths that are in the lake, a path stands also for the files below it that are not done: a folder
    that could not be listed, the rest of a manifest. `kept` are errors of files that are reported again and not sent.
    """

    filepaths: Any
    paths: Collection[str]
    times: Mapping[str, Collection[int]] = field(default_factory=dict)
    done: HashSet | None = None
    kept: tuple[UploadError, ...] = ()


class SubsetFilter:
    """Filter of the files of a source by a `Subset`, in the order of their listing."""

    def __init__(self, subset: Subset) -> None:
        self._subset = subset
        self._occurrences: Counter[str] = Counter()
        self._matches: Counter[str] = Counter()
        self._manifests: set[str] = set()
        self._first_unread = _first_lines(subset.paths)

    def includes(self, path: str, origin: str, line: int | None, unreadable: bool) -> bool:
        """Return True if a file is included; `origin` is its folder, pattern or manifest, `line` its row there."""
        own = [path]
        if line is not None:
            own.append(f"{origin}:{line}")
            self._manifests.add(origin)
        for name in own:
            if name in self._subset.paths:
                return self._is_due(name)
        # A file that cannot be read now is reported, whatever it was before.
        return unreadable or self._is_below(path, origin, line)

    def missing(self) -> Iterator[UploadError]:
        """Yield an error for each path without a file, then the errors that are kept."""
        for path in self._subset.paths:
            for _ in range(len(self._subset.times.get(path, (0,))) - self._matches[path]):
                manifest, _, line = path.rpartition(":")
                # A manifest that was read to its end has no such row any more, or none that is not done.
                if self._subset.done is None or not line.isdecimal() or manifest not in self._manifests:
                    text = f"{path} is not among the files of its source any more, so it was not sent."
                    yield InvalidFileError(text, path)
        yield from self._subset.kept

    def _is_due(self, name: str) -> bool:
        position = self._occurrences[name]
        self._occurrences[name] += 1
        times = self._subset.times.get(name)
        due = times is None or position in times
        self._matches[name] += due
        return due

    def _is_below(self, path: str, origin: str, line: int | None) -> bool:
        done = self._subset.done
        if done is None:
            return False
        folders = [folder for folder in (origin, *_parent_folders(path)) if folder in self._subset.paths]
        for folder in folders:
            self._matches[folder] += 1
        unread = line is not None and line >= self._first_unread.get(origin, line + 1)
        return bool(folders or unread) and path not in done


def _first_lines(paths: Collection[str]) -> dict[str, int]:
    """Return the first line of each manifest that the paths name."""
    first: dict[str, int] = {}
    for path in paths:
        manifest, _, line = path.rpartition(":")
        if line.isdecimal():
            first[manifest] = min(int(line), first.get(manifest, int(line)))
    return first


def _parent_folders(path: str) -> Iterator[str]:
    """Yield the folders above a path, in each way they may be written."""
    chain = split_address(path)
    folder = chain.link
    if "://" not in folder and not folder.startswith("/"):
        yield os.curdir
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        yield chain.with_link(folder)
        yield chain.with_link(f"{folder}/")
