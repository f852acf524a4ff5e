"""What a report needs to upload again what failed."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from datalake_ops.errors import UnprocessableDataError
from datalake_ops.upload.compact_set import HashSet
from datalake_ops.upload.sources.subset import Subset

if TYPE_CHECKING:
    from datalake_ops.upload.reporting.report import FileReport, UploadReport

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
class RetryPlan:
    """The source and the arguments of an upload; no source when it was an iterator, which is spent."""

    filepaths: Any = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def only(self, rows: Sequence[FileReport], failed: Sequence[FileReport], arguments: Mapping[str, Any]) -> Any:
        """The source, of which only what is not in the lake is meant, for an upload with these arguments."""
        # A data that the platform cannot read is there, and who does not compare would make one more of it.
        compares = arguments.get("if_exists", "upload") != "upload" or arguments.get("journal") is not None
        sent = [row.path for row in failed if compares or not _is_stored(row)]
        kept = tuple(row.error for row in failed if row.error is not None and _is_stored(row) and not compares)
        before = self.filepaths if isinstance(self.filepaths, Subset) else None
        done = HashSet(
            (row.path for row in rows if row.status.succeeded or _is_stored(row)), before.done if before else None
        )
        if self.filepaths is None:
            return Subset(sent, dict.fromkeys(sent), {}, done, kept)
        times = _times(rows, sent, compares)
        if before is None:
            return Subset(self.filepaths, dict.fromkeys(sent), times, done, kept)
        # A retry of a retry asks the whole source again, of which its own rows are some.
        times = {path: _as_before(before.times.get(path), numbers) for path, numbers in times.items()}
        return Subset(before.filepaths, dict.fromkeys(sent), times, done, kept)

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = {name: value for name, value in self.arguments.items() if name not in _STAY}
        try:
            pickle.dumps(self.filepaths)
        # A stream says so in any of these ways.
        except (TypeError, pickle.PicklingError, AttributeError):
            return RetryPlan, (None, arguments)
        return RetryPlan, (self.filepaths, arguments)


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


def remembered(arguments: Mapping[str, Any]) -> RetryPlan:
    """The source and the arguments of a call of `upload`, from its local names."""
    given = {name: value for name, value in arguments.items() if name in _ARGUMENTS}
    filepaths = arguments["filepaths"]
    spent = isinstance(filepaths, Iterator)
    return RetryPlan(None if spent else filepaths, given)
