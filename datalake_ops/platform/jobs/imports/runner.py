"""Import threads of the server: one import at a time per lake, resumed after a restart."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, exists, select, text

from datalake_ops.platform.jobs import job_table, logs
from datalake_ops.platform.jobs.imports.progress import NoLongerRunningError, read_progress, record_listing_complete
from datalake_ops.platform.jobs.imports.projections import attach_projections
from datalake_ops.platform.jobs.imports.steps import (
    COUNTS,
    PROBE_BATCH,
    ImportWork,
    ServerStoppingError,
    list_objects,
    list_prefixes,
    pending_data,
    probe_data,
    probe_object,
)
from datalake_ops.platform.jobs.imports.writes import PendingData, write_probed
from datalake_ops.platform.objects.object_store import LocalObjectStore
from datalake_ops.platform.objects.probe_pool import ProbePoolClosedError
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.store.disk_space import DiskFullError, is_disk_full
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.writer import WriterClosedError
from datalake_ops.wire.data import UploadStatus
from datalake_ops.wire.jobs import JobKind, JobStatus, OnChanged

_THREADS = 2
_STEPS: dict[str, Callable[[ImportWork], None]] = {
    "prefixes": list_prefixes,
    "objects": list_objects,
    "projections": attach_projections,
}
_logger = logging.getLogger(__name__)


class ImportRunner:
    """Runs imports in the order they were queued."""

    def __init__(self, database: Database, store: LocalObjectStore) -> None:
        self._database = database
        self._store = store
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="import")
        self._lock = threading.Lock()
        # Two imports of one lake at once would count each other's data.
        self._lanes: dict[int, deque[UUID]] = {}

    def resume(self) -> None:
        """Resume every unfinished import of an earlier server process, and probe data that no import will probe."""
        unfinished = (JobStatus.PENDING, JobStatus.QUEUED, JobStatus.RUNNING)
        rows = self._database.read_sync(lambda connection: job_table.in_states(connection, JobKind.IMPORT, *unfinished))
        for row in rows:
            self.enqueue(row.id, row.lake_key)
        self._threads.submit(self._run_guarded, self._probe_leftovers)

    def enqueue(self, job: UUID, lake_key: int) -> None:
        """Queue an import."""
        with self._lock:
            lane = self._lanes.get(lake_key)
            if lane is not None:
                lane.append(job)
                return
            self._lanes[lake_key] = deque([job])
        self._threads.submit(self._run_lane, lake_key)

    def stop(self) -> None:
        """Stop between two batches; unfinished imports resume at the next start."""
        self._stopping.set()
        # Not joined: a thread that probes a large file is released when the probe pool is closed.
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run_lane(self, lake_key: int) -> None:
        while True:
            with self._lock:
                lane = self._lanes[lake_key]
                if not lane or self._stopping.is_set():
                    del self._lanes[lake_key]
                    return
                job = lane.popleft()
            self._run_guarded(self._run, job)

    def _run_guarded(self, work: Callable[..., None], *arguments: UUID) -> None:
        """Run work of a pool thread, which would swallow the exception otherwise."""
        try:
            work(*arguments)
        except (ServerStoppingError, WriterClosedError, ProbePoolClosedError):
            return
        except DiskFullError as error:
            _logger.warning("An import could not be run. %s", error)
        except Exception:
            _logger.exception("An import could not be run.")

    def _run(self, job: UUID) -> None:
        work = self._database.write_sync(lambda connection: self._begin(connection, job))
        if work is None:
            return
        try:
            self._execute_steps(work)
        except NoLongerRunningError:
            # Killed: registered data stay, and must not stay unprobed.
            self._probe_leftovers()
        except (ServerStoppingError, WriterClosedError, ProbePoolClosedError):
            raise
        except Exception as error:
            if is_disk_full(error):
                error = DiskFullError()
            else:
                _logger.exception("Import %s failed.", job)
            reason = f"The import failed: {type(error).__name__}: {error}"
            self._database.write_sync(lambda connection: _end(connection, job, JobStatus.FAILED, reason), True)
            self._probe_leftovers()

    def _execute_steps(self, work: ImportWork) -> None:
        progress = self._database.read_sync(lambda connection: read_progress(connection, work.job))
        if not progress.listed_all:
            step = next(step for name, step in _STEPS.items() if name in work.request)
            step(work)
            self._database.write_sync(lambda connection: record_listing_complete(connection, work.job))
        probe_data(work)
        self._database.write_sync(lambda connection: _end(connection, work.job, JobStatus.SUCCEEDED), True)

    def _begin(self, connection: Connection, job: UUID) -> ImportWork | None:
        row = job_table.get(connection, job)
        if row is None or JobStatus(row.status).is_terminal:
            return None
        if job_table.move(connection, job, JobStatus.RUNNING, counts=row.counts or dict.fromkeys(COUNTS, 0)):
            logs.append(connection, job, [_describe_request(row)])
        lake = connection.execute(select(schema.lake).where(schema.lake.c.key == row.lake_key)).one()
        return ImportWork(job, _lake(lake), row.request, self._database, self._store, self._stopping)

    def _probe_leftovers(self) -> None:
        """Probe data that no running import will: those of killed imports, and of a server killed meanwhile."""
        for lake in self._database.read_sync(_lakes):
            last: int | None = 0
            while last is not None and not self._stopping.is_set():
                last = self._probe_batch(lake, last)

    def _probe_batch(self, lake: LakeRow, after: int) -> int | None:
        items = self._database.read_sync(lambda connection: _leftovers(connection, lake, after))
        results = [(item, probe_object(self._store, lake, item)) for item in items]
        self._database.write_sync(lambda connection: write_probed(connection, results))
        return items[-1].seq if items else None


def _describe_request(row: Row[Any]) -> str:
    request = row.request
    on_changed = request.get("on_changed", OnChanged.SKIP)
    end = "" if on_changed == OnChanged.SKIP else f", on_changed={on_changed}"
    if "prefixes" in request:
        return "importing what starts with " + ", ".join(repr(prefix) for prefix in request["prefixes"]) + end
    what = "objects" if "objects" in request else "projections"
    return f"importing {len(request[what])} {what}{end}"


def _end(connection: Connection, job: UUID, status: JobStatus, reason: str | None = None) -> None:
    row = job_table.get(connection, job)
    if row is None or JobStatus(row.status).is_terminal:
        return
    counts = ", ".join(f"{name} {count:,}" for name, count in (row.counts or {}).items())
    logs.append(connection, job, [reason or f"done: {counts}"])
    job_table.move(connection, job, status, reason=reason)


def _lakes(connection: Connection) -> list[LakeRow]:
    return [_lake(row) for row in connection.execute(select(schema.lake))]


def _lake(row: Row[Any]) -> LakeRow:
    return LakeRow(row.key, row.id, row.name, row.organization_id, row.connector_id)


def _leftovers(connection: Connection, lake: LakeRow, after: int) -> list[PendingData]:
    data, cursor, job, again = schema.data.c, schema.import_cursor.c, schema.job.c, schema.import_update.c
    unfinished = [status.value for status in JobStatus if not status.is_terminal]
    awaited = exists(
        select(text("1"))
        .select_from(schema.import_cursor.join(schema.job, job.id == cursor.job_id))
        .where(job.lake_key == lake.key, job.status.in_(unfinished))
        .where(data.seq >= cursor.first_seq, data.seq <= cursor.last_seq)
    )
    awaited_again = exists(
        select(text("1"))
        .select_from(schema.import_update.join(schema.job, job.id == again.job_id))
        .where(job.status.in_(unfinished), again.data_seq == data.seq)
    )
    return pending_data(
        connection.execute(
            select(data.seq, data.object_name, data.content_type, data.metadata, data.custom_metadata)
            # The second condition is redundant, but lets SQLite use the partial index of data that are not DONE.
            .where(data.lake_key == lake.key, data.upload_status == UploadStatus.COMPUTING.value)
            .where(text("data.upload_status <> 'DONE'"), data.seq > after, ~awaited, ~awaited_again)
            .order_by(data.seq)
            .limit(PROBE_BATCH)
        )
    )
