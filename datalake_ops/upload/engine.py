"""Uploads many files at once, from blocking code, in an event loop of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.config import Connection
from datalake_ops.upload import loop_thread
from datalake_ops.upload.bounded import for_each
from datalake_ops.upload.progress import Progress, Teller
from datalake_ops.upload.readiness import await_ready
from datalake_ops.upload.report import FileReport, UploadReport
from datalake_ops.upload.request import Lake, UploadRequest
from datalake_ops.upload.source import Entry, entries
from datalake_ops.upload.storage import PARTS_AT_ONCE
from datalake_ops.upload.transfer import Courier


def upload_files(request: UploadRequest, connection: Connection, lake: Lake) -> UploadReport:
    """Upload every path of a request and report on each, in input order; blocks, also inside a running event loop.

    A file that fails costs only its own row. Memory is bounded by `max_workers`, not by the files.

    Raises:
        ConfigurationError: the request cannot be right; nothing was sent.
    """
    upload = _Upload(request, connection, lake, entries(request))
    if not upload.entries:
        return UploadReport(())
    teller = Teller(request.on_progress, upload.progress)
    report = loop_thread.run(upload.run, teller, teller.interval)
    teller()
    return report


@dataclass
class _Upload:
    request: UploadRequest
    connection: Connection
    lake: Lake
    entries: list[Entry]
    rows: dict[int, FileReport] = field(default_factory=dict)
    stored_bytes: int = 0
    failed: int = 0

    def progress(self) -> Progress:
        return Progress(len(self.rows), len(self.entries), self.stored_bytes, self.failed)

    async def run(self) -> UploadReport:
        started_at = time.monotonic()
        workers = min(self.request.workers, len(self.entries))
        async with AsyncSession(
            self.connection, self.lake.organization.id, pool_size=workers + PARTS_AT_ONCE
        ) as session:
            courier = Courier(session, self.lake, self.request)

            async def carry(entry: Entry) -> None:
                self._keep(entry, await courier.carry(entry))

            await for_each(self.entries, carry, workers)
            rows = [self.rows[index] for index in range(len(self.entries))]
            if self.request.wait:
                await await_ready(session, rows, self.request.ready_wait, workers)
        report = UploadReport(tuple(rows), time.monotonic() - started_at)
        # The wait may have found files that the platform cannot read.
        self.failed = len(report.failed)
        return report

    def _keep(self, entry: Entry, row: FileReport) -> None:
        self.stored_bytes += row.bytes
        self.failed += not row.status.succeeded
        # The row goes in last: its presence is what the progress counts.
        self.rows[entry.index] = row
