"""Upload engine: uploads many files at once, from blocking code, in an event loop of its own."""

from __future__ import annotations

import logging
import time
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.concurrency import loop_thread
from datalake_ops.concurrency.bulk_retry import bulk_connection
from datalake_ops.concurrency.garbage import frozen_heap
from datalake_ops.concurrency.limiter import Limiter
from datalake_ops.concurrency.task_pool import TaskPool
from datalake_ops.config import Connection
from datalake_ops.errors import DatalakeError
from datalake_ops.lake import Lake
from datalake_ops.upload.dedup.deduplicator import open_tracker
from datalake_ops.upload.dedup.tracker import FinalChecks, UploadTracker
from datalake_ops.upload.entries import Entries
from datalake_ops.upload.prepare import PreparedFile
from datalake_ops.upload.progress import Progress, ProgressReporter
from datalake_ops.upload.reporting.report import FileStatus, UploadReport
from datalake_ops.upload.reporting.report_builder import ReportBuilder
from datalake_ops.upload.reporting.rows import of_manifest
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.transfer.file_uploader import FileUploader
from datalake_ops.upload.transfer.prefetch import Prefetcher
from datalake_ops.upload.transfer.presigner import Presigner
from datalake_ops.upload.transfer.readiness import await_ready

logger = logging.getLogger(__name__)
# Bytes of small files that are being sent, above which no other file is begun; each is held some three times.
HELD_BYTES = 24 * 1024 * 1024


def upload_files(
    request: UploadRequest, connection: Connection, lake: Lake, entries: Entries | None = None
) -> UploadReport:
    """Upload every file of a request and return the report, in input order; blocks, also inside a running event loop.

    `entries` are those of the request, when they were checked before.

    A file that fails costs only its own row. Memory is bounded by `max_workers`, not by the files.

    Raises:
        ConfigurationError: the request cannot be right; nothing was sent.
    """
    run = _UploadRun(request, connection, lake, Entries(request) if entries is None else entries)
    reporter = ProgressReporter(request.options.on_progress, run.progress)
    if request.options.on_progress is not None:
        run.entries.count_ahead()
    try:
        with frozen_heap():
            report = loop_thread.run(run.main, reporter, reporter.interval)
    finally:
        run.rows.close()
    reporter()
    return report


@dataclass
class _UploadRun:
    request: UploadRequest
    connection: Connection
    lake: Lake
    entries: Entries
    rows: ReportBuilder = field(default_factory=ReportBuilder)
    stop_notes: list[str] = field(default_factory=list)

    def progress(self) -> Progress:
        rows = self.rows
        return Progress(rows.done, self.entries.total, rows.bytes, rows.failed, rows.skipped)

    async def main(self) -> UploadReport:
        started_at = time.monotonic()
        connection, workers = bulk_connection(self.connection), self.request.workers
        limiter = Limiter(workers, connection.retry.budget)
        async with AsyncSession(connection, self.lake.organization.id, pool_size=workers, gate=limiter) as session:
            tracker = await open_tracker(session, self.lake, self.request)
            try:
                await self._send_all(session, tracker, limiter)
                checks = await _final_checks(tracker)
            finally:
                await tracker.close()
            self._apply(checks)
            if self.request.options.wait and limiter.down is None:
                await await_ready(session, self.rows, self.request.ready_wait, workers)
        notes = (*self.stop_notes, *checks.notes, *_logged(self.request.remarks.notes()))
        return self.rows.finish(time.monotonic() - started_at, notes)

    def _apply(self, checks: FinalChecks) -> None:
        for index, data_ids in checks.duplicates.items():
            self.rows.add(index, replace(self.rows.row(index), doubles=tuple(data_ids)))
        for index, error in checks.errors.items():
            self.rows.add(index, replace(self.rows.row(index), status=FileStatus.FAILED, error=error))

    async def _send_all(self, session: AsyncSession, tracker: UploadTracker, limiter: Limiter) -> None:
        presigner = Presigner(session, self.lake, self.request.options.upload_dir)
        uploader = FileUploader(session, self.lake, tracker, presigner, self.request.options.upload_dir)
        held = 0

        def limit() -> int:
            # A file that waits before a request is repeated leaves its place to another.
            return 0 if held > HELD_BYTES else min(limiter.limit + limiter.resting, self.request.workers)

        async def upload_one(file: PreparedFile) -> None:
            nonlocal held
            size = len(file.file.content or b"")
            held += size
            try:
                self.rows.add(file.entry.index, of_manifest(await uploader.upload(file), file.entry.manifest))
            finally:
                held -= size

        pool = TaskPool(limit)
        limiter.on_room = pool.wake
        prefetcher = Prefetcher(
            self.entries, self.request, tracker, lambda: limiter.down or uploader.storage_full, presigner.presign
        )
        try:
            async with aclosing(prefetcher.items()) as items:
                async for item in items:
                    if isinstance(item, PreparedFile):
                        await pool.start(upload_one, item)
                    else:
                        self.rows.add(item.index, item.row)
            await pool.finish()
        finally:
            await pool.stop()
        if uploader.storage_full is not None:
            self.stop_notes.append("Storage full: files that were not begun yet were not sent. Free space, then retry.")


def _logged(notes: list[str]) -> list[str]:
    for note in notes:
        logger.info("%s", note)
    return notes


async def _final_checks(tracker: UploadTracker) -> FinalChecks:
    try:
        return await tracker.finish()
    except DatalakeError as error:
        return FinalChecks(notes=(f"The final checks of the upload failed: {error}",))
