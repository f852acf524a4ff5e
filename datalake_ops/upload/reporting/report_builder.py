"""Builder of the report of a running upload, from rows in any order."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from datalake_ops.upload.reporting.report import STATUSES, FileReport, FileStatus, Totals, UploadReport
from datalake_ops.upload.reporting.spill import Packing, SpillList
from datalake_ops.wire.data import Data

# Rows kept in memory; a row with its data is some 4 kB, so this is less than 10 MB.
IN_MEMORY = 2000


class ReportBuilder:
    """Builder that takes one row per entry, by the entry's index; a later row of an index replaces the earlier one.

    Rows beyond `in_memory` go to a temporary file. The running totals count each entry once, by its last row.
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
        """Set the row of an entry."""
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
        """Return the row of an index.

        Raises:
            IndexError: there is none yet.
        """
        return self._rows[index]

    @property
    def done(self) -> int:
        """Number of entries that have a row."""
        return sum(self._counts.values())

    @property
    def failed(self) -> int:
        """Number of files that are not in the lake as usable data."""
        return sum(count for status, count in self._counts.items() if status.failed)

    @property
    def skipped(self) -> int:
        """Number of files that the lake had already."""
        return self._counts[FileStatus.SKIPPED]

    def unready(self) -> list[int]:
        """Return the indices of rows whose data the platform was still reading, in order."""
        return sorted(self._unready)

    def finish(self, seconds: float, notes: Sequence[str] = ()) -> UploadReport:
        """Return the report, in input order."""
        self._finished = True
        totals = Totals(self.bytes, len(self._unready_successes()), len(self._doubled))
        return UploadReport(self._rows, seconds, tuple(notes), totals=totals)

    def _unready_successes(self) -> list[int]:
        marks = {index: self._rows.mark(index) for index in self._unready}
        return [index for index, mark in marks.items() if mark is not None and STATUSES[mark].succeeded]

    def close(self) -> None:
        """Delete the rows, unless a report was made, which owns them then."""
        if not self._finished:
            self._rows.drop()


def _mark(row: FileReport) -> int:
    return STATUSES.index(row.status)


def _pack(row: FileReport) -> Any:
    # The file has no name and lies with this process alone, so it may hold what no dump shows.
    data = None if row.data is None else (row.data.model_dump_json(), row.data.presigned_url)
    return row.path, _mark(row), data, row.bytes, row.attempts, row.seconds, row.error, row.doubles, row.manifest


def _unpack(packed: Any) -> FileReport:
    path, mark, data, *rest = packed
    return FileReport(path, STATUSES[mark], None if data is None else _data(*data), *rest)


def _data(dump: str, address: str | None) -> Data:
    return Data.model_validate_json(dump).model_copy(update={"presigned_url": address})
