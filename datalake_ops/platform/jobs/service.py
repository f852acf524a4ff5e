"""Job service of one server: launches, imports and kills."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast
from uuid import UUID

from fastapi import Request
from sqlalchemy import Connection, Row

from datalake_ops.platform.http.errors import conflict
from datalake_ops.platform.http.id_list import IdList
from datalake_ops.platform.jobs import job_table
from datalake_ops.platform.jobs.imports.runner import ImportRunner
from datalake_ops.platform.jobs.job_table import KeyReusedError, NewJob
from datalake_ops.platform.jobs.processings.launch_request import Launch
from datalake_ops.platform.jobs.processings.programs import Programs, seed_processings
from datalake_ops.platform.jobs.processings.resource_pool import ResourcePool
from datalake_ops.platform.jobs.processings.shim_client import GRACE
from datalake_ops.platform.jobs.processings.supervisor import Supervisor
from datalake_ops.platform.objects.names import payload_name
from datalake_ops.platform.objects.object_store import PLATFORM, LocalObjectStore
from datalake_ops.platform.services import Services, services
from datalake_ops.platform.store.types import now
from datalake_ops.wire.jobs import JobKind, JobStatus

_LOOK_SECONDS = 0.05


class LocalJobService:
    """Implementation of `services.JobService`, with the methods that the handlers of jobs use."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._store = cast("LocalObjectStore", services.objects)
        self.programs = Programs(services.settings.programs)
        self.resources = ResourcePool.of_machine(services.settings.cpus, services.settings.gpus)
        self._imports = ImportRunner(services.database, self._store)
        self._supervisor = Supervisor(services, self.programs, self.resources)

    async def start(self) -> None:
        """Adopt the jobs of an earlier server process and begin to work."""
        await self._database.write(seed_processings, essential=True)
        await asyncio.to_thread(self._supervisor.start)
        await asyncio.to_thread(self._imports.resume)

    async def stop(self) -> None:
        """Stop working; programs that were started go on by themselves."""
        await asyncio.to_thread(self._supervisor.stop)
        await asyncio.to_thread(self._imports.stop)

    async def launch(self, launch: Launch) -> Row[Any]:
        """Create the job of a launch and queue it; the same idempotency key returns the same job."""
        planned = await self._database.read(lambda connection: launch.plan(connection, self.programs, self.resources))
        new = planned.job
        await asyncio.to_thread(self._write_payload, new.id, planned.data_ids)
        row = await self._make(new)
        if row.id == new.id:
            self._supervisor.enqueue(row.id)
        else:
            self._store.delete(PLATFORM, payload_name(new.id))
        return row

    async def start_import(self, new: NewJob) -> Row[Any]:
        """Create the job of an import and queue it; the same idempotency key returns the same job."""
        row = await self._make(new)
        if row.id == new.id:
            self._imports.enqueue(row.id, row.lake_key)
        return row

    async def kill(self, job: UUID) -> None:
        """Kill a job; returns when it has ended, or after the grace period and 5 s."""
        if not await self._database.write(lambda connection: _request_kill(connection, job), essential=True):
            self._supervisor.wake()
            return
        self._supervisor.kill(job)
        deadline = time.monotonic() + GRACE + 5.0
        while time.monotonic() < deadline:
            row = await self._database.read(lambda connection: job_table.get(connection, job))
            if row is None or JobStatus(row.status).is_terminal:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    def _write_payload(self, job: UUID, ids: IdList) -> None:
        self._store.write(PLATFORM, payload_name(job), b'{"data_ids":' + ids.to_json() + b"}")

    async def _make(self, new: NewJob) -> Row[Any]:
        try:
            return await self._database.write(lambda connection: job_table.create(connection, new))
        except KeyReusedError as error:
            raise conflict(str(error)) from error


def open_jobs(services: Services) -> LocalJobService:
    """Create the job service of a server."""
    return LocalJobService(services)


def jobs_of(request: Request) -> LocalJobService:
    """Return the job service, typed for the handlers of jobs."""
    return cast("LocalJobService", services(request).jobs)


def _request_kill(connection: Connection, job: UUID) -> bool:
    """Kill a job that has no program yet; returns True when its program is still to be ended."""
    row = job_table.get(connection, job)
    if row is None or JobStatus(row.status).is_terminal:
        return False
    if row.kind == JobKind.PROCESSING.value and row.status == JobStatus.RUNNING.value:
        job_table.note(connection, job, cancel_requested_at=now())
        return True
    job_table.move(connection, job, JobStatus.KILLED, reason="Killed on request.")
    return False
