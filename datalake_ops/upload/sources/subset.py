"""Subset of a source: the files that are uploaded again after a report."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from datalake_ops.errors import InvalidFileError, UploadError
from datalake_ops.upload.compact_set import HashSet


@dataclass(frozen=True)
class Subset:
    """Of a source, the files of these paths.

    `times` says which of the files that have one path, counted from 0; without it all of them are meant. With `done`,
    the paths that are in the lake, a path stands also for what is below it and not done: a folder that could not be
    listed, the rest of a manifest. `kept` are errors of files that are not sent again, told once more.
    """

    filepaths: Any
    paths: Collection[str]
    times: Mapping[str, Collection[int]] = field(default_factory=dict)
    done: HashSet | None = None
    kept: tuple[UploadError, ...] = ()


class Chosen:
    """Which files of a source an `Subset` means, told one after the other as they are listed."""

    def __init__(self, only: Subset) -> None:
        self._only = only
        self._seen: Counter[str] = Counter()
        self._met: Counter[str] = Counter()
        self._manifests: set[str] = set()
        self._unread = _first_lines(only.paths)

    def takes(self, path: str, origin: str, line: int | None, broken: bool) -> bool:
        """Whether a file is meant; `origin` is the folder, pattern or manifest that gave it, `line` its row there."""
        own = [path]
        if line is not None:
            own.append(f"{origin}:{line}")
            self._manifests.add(origin)
        for name in own:
            if name in self._only.paths:
                return self._is_its_time(name)
        # What cannot be read now is told, whoever it was before.
        return broken or self._is_below(path, origin, line)

    def left(self) -> Iterator[UploadError]:
        """An error for each path that no file was met for, and those that are told once more."""
        for path in self._only.paths:
            for _ in range(len(self._only.times.get(path, (0,))) - self._met[path]):
                manifest, _, line = path.rpartition(":")
                # A manifest that was read to its end has no such row any more, or none that is not done.
                if self._only.done is None or not line.isdecimal() or manifest not in self._manifests:
                    text = f"{path} is not among the files of its source any more, so it was not sent."
                    yield InvalidFileError(text, path)
        yield from self._only.kept

    def _is_its_time(self, name: str) -> bool:
        time = self._seen[name]
        self._seen[name] += 1
        times = self._only.times.get(name)
        meant = times is None or time in times
        self._met[name] += meant
        return meant

    def _is_below(self, path: str, origin: str, line: int | None) -> bool:
        done = self._only.done
        if done is None:
            return False
        places = [place for place in (origin, *_above(path)) if place in self._only.paths]
        for place in places:
            self._met[place] += 1
        unread = line is not None and line >= self._unread.get(origin, line + 1)
        return bool(places or unread) and path not in done


def _first_lines(paths: Collection[str]) -> dict[str, int]:
    """Of each manifest the first line that is named."""
    first: dict[str, int] = {}
    for path in paths:
        manifest, _, line = path.rpartition(":")
        if line.isdecimal():
            first[manifest] = min(int(line), first.get(manifest, int(line)))
    return first


def _above(path: str) -> Iterator[str]:
    """The folders that a path is below, however they may be written."""
    head, mark, rest = path.partition("::")
    if "://" not in head and not head.startswith("/"):
        yield os.curdir
    while "/" in head:
        head = head.rpartition("/")[0]
        yield f"{head}{mark}{rest}"
        yield f"{head}/{mark}{rest}"
