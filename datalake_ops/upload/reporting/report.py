"""Report of an upload: one row per file, in input order."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from datalake_ops.arguments.texts import sendable
from datalake_ops.errors import UploadError
from datalake_ops.upload.reporting.export import save_rows, within
from datalake_ops.upload.reporting.retry_plan import RetryPlan
from datalake_ops.upload.reporting.spill import SpillList
from datalake_ops.upload.sources.entry import EntryManifest
from datalake_ops.wire.data import Data, MultiData
from datalake_ops.wire.model import Choice


class FileStatus(Choice):
    """Outcome of one file."""

    UPLOADED = "UPLOADED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    UNPROCESSABLE = "UNPROCESSABLE"
    UNSUPPORTED = "UNSUPPORTED"

    @property
    def succeeded(self) -> bool:
        """True if the lake has this file as a data now."""
        return self in (FileStatus.UPLOADED, FileStatus.SKIPPED)

    @property
    def failed(self) -> bool:
        """True if the lake was to have this file, and has it not as usable data; one left out on purpose is none."""
        return self in (FileStatus.FAILED, FileStatus.UNPROCESSABLE)


STATUSES = tuple(FileStatus)
# A row is marked by the position of its status, so that rows can be chosen without being read.
_SUCCEEDED = frozenset(mark for mark, status in enumerate(STATUSES) if status.succeeded)
_FAILED = frozenset(mark for mark, status in enumerate(STATUSES) if status.failed)
_ALL = frozenset(range(len(STATUSES)))


@dataclass(frozen=True)
class FileReport:
    """Row of one file.

    `path` is as the caller gave it. `bytes` are those that were stored; `attempts` is 1 plus the requests to the
    storage that were repeated, 0 when nothing was sent; `seconds` is the time of its upload. An UNPROCESSABLE row has
    the data too: it is on the platform, with status ERROR. An UNSUPPORTED row is of a file that was left out, for the
    platform does not read its type; its error says so. `doubles` are the ids of other data of the same name and
    content in the lake. `manifest` is the one that names the file, and says what its row may reach.
    """

    path: str
    status: FileStatus
    data: Data | None = None
    bytes: int = 0
    attempts: int = 0
    seconds: float = 0.0
    error: UploadError | None = None
    doubles: tuple[UUID, ...] = ()
    manifest: EntryManifest | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values; the data by its identifier and upload status.

        A failed row of a manifest has the manifest too, for a retry.
        """
        values: dict[str, Any] = {
            "path": self.path,
            "status": str(self.status),
            "data_id": str(self.data.id) if self.data else None,
            "upload_status": str(self.data.upload_status) if self.data else None,
            "bytes": self.bytes,
            "attempts": self.attempts,
            "seconds": round(self.seconds, 3),
            "error": str(self.error) if self.error else None,
            "error_type": type(self.error).__name__ if self.error else None,
            "doubles": [str(data_id) for data_id in self.doubles],
        }
        if self.manifest is not None and self.status.failed:
            values["manifest"] = self.manifest.to_json()
        return values


class FailedRows(list[FileReport]):
    """Rows of files that are not in the lake as usable data, in input order."""

    @property
    def paths(self) -> list[str]:
        """Their paths, as a source of a new upload."""
        return [row.path for row in self]


@dataclass(frozen=True)
class Totals:
    """Sums over all rows, counted while they were written."""

    bytes: int
    unready: int
    doubled: int


class RetryingHook(Protocol):
    """Hook that uploads the failed files of a report again."""

    def retry_upload(self, report: UploadReport, **changes: Any) -> UploadReport:
        """Upload the failed files again, as `DatalakeHook.retry_upload`."""


@dataclass(frozen=True)
class UploadReport:
    """Report of an upload: a row per file in input order, and its duration in seconds; picklable.

    The rows of a long report are in a temporary file, and are read from there. `notes` are sentences on the run as a
    whole. `retry_plan` is the source and the arguments of the upload.
    """

    files: Sequence[FileReport]
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    retry_plan: RetryPlan | None = field(default=None, repr=False, compare=False)
    totals: Totals | None = field(default=None, repr=False, compare=False)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Pickles of earlier releases call the retry plan `again`.
        self.__dict__.update({"retry_plan" if name == "again" else name: value for name, value in state.items()})

    @property
    def data(self) -> MultiData:
        """The data of the files that the lake has now, in input order (may be empty); all of them in memory."""
        return MultiData(self._data())

    @property
    def failed(self) -> FailedRows:
        """The rows of files that are not in the lake as usable data; `.paths` are what to upload again."""
        return FailedRows(self._of(_FAILED))

    @property
    def failed_count(self) -> int:
        """Number of files that are not in the lake as usable data."""
        return sum(1 for _ in self._marks(_FAILED))

    def failures(self) -> Iterator[FileReport]:
        """Iterate over the rows of `failed`."""
        return iter(self._of(_FAILED))

    def retry(self, hook: RetryingHook, **changes: Any) -> UploadReport:
        """Upload the failed files again, with the same arguments; see `DatalakeHook.retry_upload`.

        Raises:
            DatalakeError: as `hook.upload`.
        """
        return hook.retry_upload(self, **changes)

    @property
    def errors(self) -> list[UploadError]:
        """One error per failed row, in input order."""
        return [row.error for row in self._of(_FAILED) if row.error is not None]

    @property
    def unready(self) -> list[FileReport]:
        """Rows whose data the platform was still reading when the upload ended."""
        return [row for row in self._of(_SUCCEEDED) if row.data and not row.data.upload_status.is_terminal]

    @property
    def doubled(self) -> list[FileReport]:
        """Rows whose name and content the lake has more than once."""
        return [row for row in self.files if row.doubles]

    @property
    def bytes(self) -> int:
        """Bytes stored."""
        return sum(row.bytes for row in self.files) if self.totals is None else self.totals.bytes

    @property
    def rate(self) -> float:
        """Bytes per second."""
        return self.bytes / self.seconds if self.seconds else 0.0

    def counts(self) -> dict[str, int]:
        """Return the number of rows of each status; every status is named."""
        rows_of = Counter(self._marks(_ALL))
        return {str(status): rows_of[mark] for mark, status in enumerate(STATUSES)}

    def summary(self, max_ids: int = 100, max_bytes: int | None = None) -> dict[str, Any]:
        """Return a small JSON value for an XCom or a flow's result: counts, notes, at most `max_ids` ids and errors.

        With `max_bytes`, its JSON is no longer than that (not below 500): errors are cut short, and fewer are named.
        """
        counts = self.counts()
        succeeded = sum(counts[status] for status in FileStatus if status.succeeded)
        failed = sum(counts[status] for status in FileStatus if status.failed)
        ids = [str(data.id) for data in islice(self._data(), max_ids)]
        failures = islice(self._of(_FAILED), max_ids)
        errors = [{"path": sendable(row.path), "error": sendable(str(row.error))} for row in failures]
        summary = {
            "files": len(self.files),
            "counts": counts,
            "unready": len(self.unready) if self.totals is None else self.totals.unready,
            "doubled": len(self.doubled) if self.totals is None else self.totals.doubled,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "bytes_per_second": round(self.rate),
            "data_ids": ids,
            "data_ids_left_out": succeeded - len(ids),
            "errors": errors,
            "errors_left_out": failed - len(errors),
            "notes": list(self.notes),
        }
        return summary if max_bytes is None else within(summary, max_bytes)

    def _marks(self, marks: frozenset[int]) -> Iterator[int]:
        of_all = (
            self.files.marks()
            if isinstance(self.files, SpillList)
            else (STATUSES.index(row.status) for row in self.files)
        )
        return (mark for mark in of_all if mark in marks)

    def _data(self) -> Iterator[Data]:
        return (row.data for row in self._of(_SUCCEEDED) if row.data is not None)

    def _of(self, marks: frozenset[int]) -> Iterable[FileReport]:
        if isinstance(self.files, SpillList):
            return self.files.marked(marks)
        return (row for row in self.files if STATUSES.index(row.status) in marks)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write one JSON object per row to `path`, whole or not at all, and return the path.

        A path that ends with `.parquet` gets a Parquet file, for which pyarrow has to be installed.

        Raises:
            ConfigurationError: Parquet without pyarrow.
            OSError: it cannot be written.
        """
        return save_rows(Path(path), (row.to_json() for row in self.files))
