"""Uploads many files at once, from blocking code, in an event loop of its own."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.concurrency import loop_thread
from datalake_ops.concurrency.limiter import Limiter
from datalake_ops.concurrency.task_pool import TaskPool
from datalake_ops.config import Connection, RetryPolicy
from datalake_ops.errors import DatalakeError
from datalake_ops.lake import Lake
from datalake_ops.upload.dedup.deduplicator import open_tracker
from datalake_ops.upload.dedup.tracker import Findings, UploadTracker
from datalake_ops.upload.entries import Entries, entries
from datalake_ops.upload.prepare import Prepared
from datalake_ops.upload.progress import Progress, ProgressReporter
from datalake_ops.upload.reporting.report import FileStatus, UploadReport
from datalake_ops.upload.reporting.report_builder import ReportWriter
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.transfer.file_uploader import FileUploader
from datalake_ops.upload.transfer.prefetch import Prefetcher
from datalake_ops.upload.transfer.readiness import await_ready

# Tries of one request of an upload: the last one comes some 25 s after the first, were it only this one that fails.
ATTEMPTS = 8
# Bytes of small files on their way, above which no other file is begun; each is held some three times.
HELD_BYTES = 24 * 1024 * 1024


def upload_files(request: UploadRequest, connection: Connection, lake: Lake) -> UploadReport:
    """Upload every path of a request and report on each, in input order; blocks, also inside a running event loop.

    A file that fails costs only its own row. Memory is bounded by `max_workers`, not by the files.

    Raises:
        ConfigurationError: the request cannot be right; nothing was sent.
    """
    upload = _Upload(request, connection, lake, entries(request))
    teller = ProgressReporter(request.on_progress, upload.progress)
    if request.on_progress is not None:
        upload.entries.count_ahead()
    try:
        report = loop_thread.run(upload.run, teller, teller.interval)
    finally:
        upload.writer.close()
    teller()
    return report


@dataclass
class _Upload:
    request: UploadRequest
    connection: Connection
    lake: Lake
    entries: Entries
    writer: ReportWriter = field(default_factory=ReportWriter)

    def progress(self) -> Progress:
        writer = self.writer
        return Progress(writer.done, self.entries.total, writer.bytes, writer.failed, writer.skipped)

    async def run(self) -> UploadReport:
        started_at = time.monotonic()
        connection = patient(self.connection)
        limiter = Limiter(self.request.workers, connection.retry.budget)
        async with AsyncSession(
            connection, self.lake.organization.id, pool_size=self.request.workers, gate=limiter
        ) as session:
            ledger = await open_tracker(session, self.lake, self.request)
            try:
                await self._send_all(session, ledger, limiter)
                findings = await _findings(ledger)
            finally:
                await ledger.close()
            self._learn(findings)
            if self.request.wait and limiter.down is None:
                await await_ready(session, self.writer, self.request.ready_wait, self.request.workers)
        return self.writer.finish(time.monotonic() - started_at, findings.notes)

    def _learn(self, findings: Findings) -> None:
        for index, doubles in findings.doubled.items():
            self.writer.add(index, replace(self.writer.row(index), doubles=tuple(doubles)))
        for index, error in findings.errors.items():
            self.writer.add(index, replace(self.writer.row(index), status=FileStatus.FAILED, error=error))

    async def _send_all(self, session: AsyncSession, ledger: UploadTracker, limiter: Limiter) -> None:
        courier = FileUploader(session, self.lake, self.request, ledger)
        held = 0

        def room() -> int:
            # A file that waits before it is sent again leaves its place to another.
            return 0 if held > HELD_BYTES else min(limiter.limit + limiter.resting, self.request.workers)

        async def carry(file: Prepared) -> None:
            nonlocal held
            size = len(file.file.content or b"")
            held += size
            try:
                self.writer.add(file.entry.index, await courier.carry(file))
            finally:
                held -= size

        crew = TaskPool(room)
        limiter.on_room = crew.wake

        try:
            async with aclosing(Prefetcher(self.entries, self.request, ledger, lambda: limiter.down).items()) as feed:
                async for fed in feed:
                    if isinstance(fed, Prepared):
                        await crew.start(carry, fed)
                    else:
                        self.writer.add(fed.index, fed.row)
            await crew.finish()
        finally:
            await crew.stop()


def patient(connection: Connection) -> Connection:
    """The connection for work on very many files: more tries of each request, unless somebody chose their number."""
    # One lost request among very many is likely where it is not for a single call; who chose a policy gets that one.
    chosen = connection.retry != RetryPolicy()
    return connection if chosen else connection.with_(retry=RetryPolicy(attempts=ATTEMPTS))


async def _findings(ledger: UploadTracker) -> Findings:
    try:
        return await ledger.finish()
    except DatalakeError as error:
        return Findings(notes=(f"The last look at the lake failed: {error}",))
