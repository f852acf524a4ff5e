"""Retry of an upload: the files of a report that are to be uploaded again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from datalake_ops.errors import UnprocessableDataError
from datalake_ops.upload.reporting.report import FileReport, UploadReport
from datalake_ops.upload.reporting.retry_plan import RetryPlan
from datalake_ops.upload.sources.hash_set import HashSet
from datalake_ops.upload.sources.subset import Subset


def retry_source(report: UploadReport, arguments: Mapping[str, Any]) -> Subset:
    """Return the files of a report that an upload with these arguments sends again."""
    plan, failed = report.retry_plan or RetryPlan(), report.failed
    # A data that the platform cannot read is there, and an upload that does not compare would make one more of it.
    compares = arguments.get("if_exists", "upload") != "upload" or arguments.get("journal") is not None
    due = [row for row in failed if compares or not _is_stored(row)]
    paths = [row.path for row in due]
    kept = tuple(row.error for row in failed if row.error is not None and _is_stored(row) and not compares)
    earlier = plan.filepaths if isinstance(plan.filepaths, Subset) else None
    ended = (row.path for row in report.files if not row.status.failed or _is_stored(row))
    done = HashSet(ended, earlier.done if earlier else None)
    if plan.filepaths is None:
        # A row of a manifest is read there again, which knows what it may reach, and its metadata.
        manifests = dict.fromkeys(row.manifest for row in due if row.manifest is not None)
        others = [row.path for row in due if row.manifest is None]
        return Subset([*others, *manifests], dict.fromkeys(paths), {}, done, kept)
    times = _times(report.files, paths, compares)
    if earlier is None:
        return Subset(plan.filepaths, dict.fromkeys(paths), times, done, kept)
    # A retry of a retry lists the whole source again, of which its own rows are some.
    times = {path: _in_source(earlier.times.get(path), positions) for path, positions in times.items()}
    return Subset(earlier.filepaths, dict.fromkeys(paths), times, done, kept)


def _is_stored(row: FileReport) -> bool:
    return isinstance(row.error, UnprocessableDataError)


def _times(rows: Iterable[FileReport], paths: Collection[str], compares: bool) -> dict[str, tuple[int, ...]]:
    """Return, by path, the positions (from 0) of the rows to send again among those of the same path."""
    times: dict[str, list[int]] = {path: [] for path in paths}
    occurrences: Counter[str] = Counter()
    for row in rows:
        if row.path in times:
            if row.status.failed and (compares or not _is_stored(row)):
                times[row.path].append(occurrences[row.path])
            occurrences[row.path] += 1
    return {path: tuple(positions) for path, positions in times.items()}


def _in_source(earlier: Collection[int] | None, positions: Sequence[int]) -> tuple[int, ...]:
    in_source = sorted(earlier or ())
    return tuple(in_source[position] if position < len(in_source) else position for position in positions)
