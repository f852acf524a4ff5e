"""What became of every path of an upload."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from datalake_ops.errors import UploadError
from datalake_ops.upload.reporting.export import save_rows, within
from datalake_ops.upload.reporting.retry import RetryPlan, Uploads
from datalake_ops.upload.reporting.spill import SpillList
from datalake_ops.wire.data import Data, MultiData
from datalake_ops.wire.model import Choice


class FileStatus(Choice):
    """How one path ended."""

    UPLOADED = "UPLOADED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    UNPROCESSABLE = "UNPROCESSABLE"

    @property
    def succeeded(self) -> bool:
        """Whether the lake now has this file as a data."""
        return self in (FileStatus.UPLOADED, FileStatus.SKIPPED)


STATUSES = tuple(FileStatus)
_SUCCEEDED = frozenset(mark for mark, status in enumerate(STATUSES) if status.succeeded)
_FAILED = frozenset(range(len(STATUSES))) - _SUCCEEDED


@dataclass(frozen=True)
class FileReport:
    """One path of an upload.

    `path` is as the caller gave it. `bytes` is what the storage holds of it; `attempts` is 1 plus the requests to the
    storage that had to be repeated, 0 when nothing was sent; `seconds` is its time on the way.
    An UNPROCESSABLE row carries the data too: it is on the platform, with status ERROR. `doubles` are the ids of other
    data of the same name and content that the lake also holds.
    """

    path: str
    status: FileStatus
    data: Data | None = None
    bytes: int = 0
    attempts: int = 0
    seconds: float = 0.0
    error: UploadError | None = None
    doubles: tuple[UUID, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values; the data by its identifier and upload status."""
        return {
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


class FailedRows(list[FileReport]):
    """Rows that are not in the lake as usable data, in input order."""

    @property
    def paths(self) -> list[str]:
        """Their paths, ready to be given to a new upload."""
        return [row.path for row in self]


@dataclass(frozen=True)
class Totals:
    """Sums over all rows, known already by who wrote them."""

    bytes: int
    unready: int
    doubled: int


@dataclass(frozen=True)
class UploadReport:
    """Every path of an upload, in input order, with the seconds the whole took; picklable.

    The rows of a long report lie in a temporary file; what goes through them reads them from there. `notes` are
    sentences on the run as a whole.
    """

    files: Sequence[FileReport]
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    again: RetryPlan | None = field(default=None, repr=False, compare=False)
    totals: Totals | None = field(default=None, repr=False, compare=False)

    @property
    def data(self) -> MultiData:
        """The data that the lake has now, in input order (may be empty); all of them in memory."""
        return MultiData(self._data())

    @property
    def failed(self) -> FailedRows:
        """The rows that are not in the lake as usable data; `.paths` are what to upload again."""
        return FailedRows(self._of(_FAILED))

    @property
    def failed_count(self) -> int:
        """How many rows are not in the lake as usable data."""
        return sum(1 for _ in self._marks(_FAILED))

    def failures(self) -> Iterator[FileReport]:
        """The rows of `failed`, one at a time."""
        return iter(self._of(_FAILED))

    def retry(self, hook: Uploads, **changes: Any) -> UploadReport:
        """Upload again, with the same arguments, what is not in the lake; `changes` replace arguments of `hook.upload`.

        Metadata, tags and sources of single files are those they had; of an iterator only the paths are known. A folder
        that could not be listed and a manifest that could not be read on are asked again for all that they hold. What
        cannot be found again is a FAILED row. UNPROCESSABLE files are sent again only where `if_exists` or a journal
        tells that they are there; else their rows are told as they are. Storage options do not travel between
        processes: give them again. A stream that can be read only once cannot be sent again, and its row says so.

        Raises:
            DatalakeError: as `hook.upload`.
        """
        again = self.again or RetryPlan()
        arguments = {**again.arguments, **changes}
        return hook.upload(again.only(self.files, self.failed, arguments), **arguments)

    @property
    def errors(self) -> list[UploadError]:
        """One error per failed row, in input order."""
        return [row.error for row in self._of(_FAILED) if row.error is not None]

    @property
    def unready(self) -> list[FileReport]:
        """Uploaded rows whose data the platform was still reading when the wait ended, or was not asked for."""
        return [row for row in self._of(_SUCCEEDED) if row.data and not row.data.upload_status.is_terminal]

    @property
    def doubled(self) -> list[FileReport]:
        """Rows whose name and content the lake holds more than once."""
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
        """How many rows have each status; every status is named."""
        found = Counter(self._marks(_SUCCEEDED | _FAILED))
        return {str(status): found[mark] for mark, status in enumerate(STATUSES)}

    def summary(self, max_ids: int = 100, max_bytes: int | None = None) -> dict[str, Any]:
        """A small JSON value for an XCom or a flow's result: counts, notes, at most `max_ids` identifiers and errors.

        With `max_bytes`, its JSON is no longer than that (not below 500): errors are cut short, and fewer are named.
        """
        counts = self.counts()
        succeeded = sum(counts[status] for status in FileStatus if status.succeeded)
        failed = sum(counts.values()) - succeeded
        ids = [str(data.id) for data in islice(self._data(), max_ids)]
        errors = [{"path": row.path, "error": str(row.error)} for row in islice(self._of(_FAILED), max_ids)]
        told = {
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
        return told if max_bytes is None else within(told, max_bytes)

    def _marks(self, marks: frozenset[int]) -> Iterator[int]:
        found = (
            self.files.marks()
            if isinstance(self.files, SpillList)
            else (STATUSES.index(row.status) for row in self.files)
        )
        return (mark for mark in found if mark in marks)

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
