"""Takes the rows of a running upload, in whatever order they come, and makes the report of them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from datalake_ops.upload.reporting.report import STATUSES, FileReport, FileStatus, Totals, UploadReport
from datalake_ops.upload.reporting.spill import Packing, SpillList
from datalake_ops.wire.data import Data

# Rows kept as they are; a row with its data is some 4 kB, so this is less than 10 MB.
IN_MEMORY = 2000


class ReportWriter:
    """Takes one row per entry, by the entry's index; a later row of the same index replaces the earlier one.

    Beyond `in_memory` rows go to a temporary file. The running figures count each entry once, as it stands now.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._rows: SpillList[FileReport] = SpillList(Packing(_pack, _unpack, _mark), in_memory)
        self._counts = dict.fromkeys(FileStatus, 0)
        self._sizes = array("q")
        self._unready: set[int] = set()
        self._doubled: set[int] = set()
        self._finished = False
        self.bytes = 0

    def add(self, index: int, row: FileReport) -> None:
        """Keep the row of an entry."""
        self._sizes.extend([0] * (index + 1 - len(self._sizes)))
        before = self._rows.mark(index)
        self._rows.put(index, row)
        if before is not None:
            self._counts[STATUSES[before]] -= 1
        self._counts[row.status] += 1
        self.bytes += row.bytes - self._sizes[index]
        self._sizes[index] = row.bytes
        if row.data is not None and not row.data.upload_status.is_terminal:
            self._unready.add(index)
        else:
            self._unready.discard(index)
        if row.doubles:
            self._doubled.add(index)
        else:
            self._doubled.discard(index)

    def row(self, index: int) -> FileReport:
        """The row that is kept for an index.

        Raises:
            IndexError: there is none yet.
        """
        return self._rows[index]

    @property
    def done(self) -> int:
        """How many entries have a row."""
        return sum(self._counts.values())

    @property
    def failed(self) -> int:
        """How many rows are not in the lake as usable data."""
        return sum(count for status, count in self._counts.items() if not status.succeeded)

    @property
    def skipped(self) -> int:
        """How many were there already."""
        return self._counts[FileStatus.SKIPPED]

    def unready(self) -> list[int]:
        """The indices of rows whose data the platform was still reading, in order."""
        return sorted(self._unready)

    def finish(self, seconds: float, notes: Sequence[str] = ()) -> UploadReport:
        """The report, in input order."""
        self._finished = True
        totals = Totals(self.bytes, len(self._unready_successes()), len(self._doubled))
        return UploadReport(self._rows, seconds, tuple(notes), totals=totals)

    def _unready_successes(self) -> list[int]:
        marks = {index: self._rows.mark(index) for index in self._unready}
        return [index for index, mark in marks.items() if mark is not None and STATUSES[mark].succeeded]

    def close(self) -> None:
        """Let go of what is kept, when no report was made of it; otherwise the report owns it."""
        if not self._finished:
            self._rows.drop()


def _mark(row: FileReport) -> int:
    return STATUSES.index(row.status)


def _pack(row: FileReport) -> Any:
    data = row.data.model_dump_json() if row.data is not None else None
    return row.path, _mark(row), data, row.bytes, row.attempts, row.seconds, row.error, row.doubles


def _unpack(packed: Any) -> FileReport:
    path, mark, data, *rest = packed
    return FileReport(path, STATUSES[mark], None if data is None else Data.model_validate_json(data), *rest)
