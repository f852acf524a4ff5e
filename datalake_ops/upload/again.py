"""What a report needs to upload again what failed."""

from __future__ import annotations

import os
import pickle
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from datalake_ops.errors import InvalidFileError, UnprocessableDataError, UploadError
from datalake_ops.upload.marks import Marks

if TYPE_CHECKING:
    from datalake_ops.upload.report import FileReport, UploadReport

# They carry secrets, or belong to one process alone.
_STAY = frozenset({"storage_options", "on_progress"})
_ARGUMENTS = frozenset(
    "tags source max_workers metadata custom_metadata sizes fill_metadata upload_dir wait on_progress if_exists "
    "content_key journal include exclude storage_options raise_on max_failed".split()
)


class Uploads(Protocol):
    """Who uploads: a hook."""

    def upload(self, filepaths: Any, **arguments: Any) -> UploadReport:
        """Upload, as `DatalakeHook.upload`."""


@dataclass(frozen=True)
class Only:
    """Of a source, the files of these paths.

    `times` says which of the files that have one path, counted from 0; without it all of them are meant. With `done`,
    the paths that are in the lake, a path stands also for what is below it and not done: a folder that could not be
    listed, the rest of a manifest. `kept` are errors of files that are not sent again, told once more.
    """

    filepaths: Any
    paths: Collection[str]
    times: Mapping[str, Collection[int]] = field(default_factory=dict)
    done: Marks | None = None
    kept: tuple[UploadError, ...] = ()


class Chosen:
    """Which files of a source an `Only` means, told one after the other as they are listed."""

    def __init__(self, only: Only) -> None:
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


@dataclass(frozen=True)
class Again:
    """The source and the arguments of an upload; no source when it was an iterator, which is spent."""

    filepaths: Any = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def only(self, rows: Sequence[FileReport], failed: Sequence[FileReport], arguments: Mapping[str, Any]) -> Any:
        """The source, of which only what is not in the lake is meant, for an upload with these arguments."""
        # A data that the platform cannot read is there, and who does not compare would make one more of it.
        compares = arguments.get("if_exists", "upload") != "upload" or arguments.get("journal") is not None
        sent = [row.path for row in failed if compares or not _is_stored(row)]
        kept = tuple(row.error for row in failed if row.error is not None and _is_stored(row) and not compares)
        before = self.filepaths if isinstance(self.filepaths, Only) else None
        done = Marks(
            (row.path for row in rows if row.status.succeeded or _is_stored(row)), before.done if before else None
        )
        if self.filepaths is None:
            return Only(sent, dict.fromkeys(sent), {}, done, kept)
        times = _times(rows, sent, compares)
        if before is None:
            return Only(self.filepaths, dict.fromkeys(sent), times, done, kept)
        # A retry of a retry asks the whole source again, of which its own rows are some.
        times = {path: _as_before(before.times.get(path), numbers) for path, numbers in times.items()}
        return Only(before.filepaths, dict.fromkeys(sent), times, done, kept)

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = {name: value for name, value in self.arguments.items() if name not in _STAY}
        try:
            pickle.dumps(self.filepaths)
        # A stream says so in any of these ways.
        except (TypeError, pickle.PicklingError, AttributeError):
            return Again, (None, arguments)
        return Again, (self.filepaths, arguments)


def _is_stored(row: FileReport) -> bool:
    return isinstance(row.error, UnprocessableDataError)


def _times(rows: Iterable[FileReport], sent: Collection[str], compares: bool) -> dict[str, tuple[int, ...]]:
    """Which of the rows of each path are sent again, counted from 0."""
    times: dict[str, list[int]] = {path: [] for path in sent}
    seen: Counter[str] = Counter()
    for row in rows:
        if row.path in times:
            if not row.status.succeeded and (compares or not _is_stored(row)):
                times[row.path].append(seen[row.path])
            seen[row.path] += 1
    return {path: tuple(numbers) for path, numbers in times.items()}


def _as_before(earlier: Collection[int] | None, numbers: Sequence[int]) -> tuple[int, ...]:
    numbered = sorted(earlier or ())
    return tuple(numbered[number] if number < len(numbered) else number for number in numbers)


def remembered(arguments: Mapping[str, Any]) -> Again:
    """The source and the arguments of a call of `upload`, from its local names."""
    given = {name: value for name, value in arguments.items() if name in _ARGUMENTS}
    filepaths = arguments["filepaths"]
    spent = isinstance(filepaths, Iterator)
    return Again(None if spent else filepaths, given)
