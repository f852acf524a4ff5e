"""Supervisor of processings: one thread that starts programs, copies their logs and records how they ended.

All state is in the database and in each job's folder, so that a server that starts again adopts the jobs of one that
was killed.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from datalake_ops.platform.jobs import job_table, logs
from datalake_ops.platform.jobs.processings.log_reader import read_lines
from datalake_ops.platform.jobs.processings.programs import Programs, UnknownImageError
from datalake_ops.platform.jobs.processings.resource_pool import Allocation, ResourcePool
from datalake_ops.platform.jobs.processings.shim_client import CannotStartError, JobShim, ProgramExit
from datalake_ops.platform.jobs.states import IllegalTransitionError
from datalake_ops.platform.services import Services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.tokens import Principal, add_token, drop_job_tokens, new_token
from datalake_ops.platform.store.writer import WriterClosedError
from datalake_ops.wire.jobs import JobKind, JobStatus

POLL_SECONDS = 0.1
# Not passed on: the programs get a connection of their own instead of the server's settings.
_PRIVATE = ("DATALAKE_", "PICSELLIA_")
_LOST = "The job's program disappeared without an exit code: the machine was restarted, or its shim was killed."
_KILLED = "Killed on request."
_logger = logging.getLogger(__name__)


@dataclass
class _Run:
    job: UUID
    shim: JobShim
    log_offset: int = 0


class Supervisor:
    """Runs processings in the order of their launch, as many at once as the resource pool admits."""

    def __init__(self, services: Services, programs: Programs, resources: ResourcePool) -> None:
        self._services = services
        self._programs = programs
        self._resources = resources
        self._incoming: deque[UUID] = deque()
        self._queue: deque[Row[Any]] = deque()
        self._runs: dict[UUID, _Run] = {}
        self._kills: set[UUID] = set()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="supervisor", daemon=True)

    def start(self) -> None:
        """Adopt running jobs of an earlier server process, queue waiting ones, and start the thread."""
        for row in self._services.database.read_sync(_running_rows):
            held = row.held
            self._resources.admit(row.id, 0, 0, Allocation(held["cpu"], tuple(held["gpus"])))
            self._runs[row.id] = _Run(row.id, self._shim(row.id), row.log_offset or 0)
            if row.cancel_requested_at is not None:
                self._kills.add(row.id)
        waiting = (JobStatus.PENDING, JobStatus.QUEUED)
        rows = self._services.database.read_sync(
            lambda connection: job_table.in_states(connection, JobKind.PROCESSING, *waiting)
        )
        self._incoming.extend(row.id for row in rows)
        self._wake.set()
        self._thread.start()

    def enqueue(self, job: UUID) -> None:
        """Queue a job."""
        self._incoming.append(job)
        self._wake.set()

    def kill(self, job: UUID) -> None:
        """End the program of a running job and its descendants."""
        self._kills.add(job)
        self._wake.set()

    def wake(self) -> None:
        """Check the queue again: the job at its head may have been killed."""
        self._wake.set()

    def stop(self) -> None:
        """Stop supervising; the programs run on, and the next server adopts them."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            is_woken = self._wake.wait(POLL_SECONDS if self._runs else None)
            self._wake.clear()
            try:
                if is_woken:
                    self._queue_incoming()
                    self._admit_waiting()
                for run in list(self._runs.values()):
                    self._poll(run)
            except WriterClosedError:
                return
            except Exception:
                # A failure with one job (a full disk, say) must not leave the others without supervision.
                _logger.exception("The supervisor of jobs failed in one pass; it continues.")
                self._stopping.wait(1.0)
                self._wake.set()

    def _queue_incoming(self) -> None:
        while self._incoming:
            row = self._services.database.write_sync(lambda connection: _queued(connection, self._incoming[0]))
            self._incoming.popleft()
            if row is not None:
                self._queue.append(row)

    def _admit_waiting(self) -> None:
        while self._queue and not self._stopping.is_set():
            row = self._queue[0]
            if self._services.database.read_sync(lambda connection: _is_waiting(connection, self._queue[0].id)):
                allocation = self._resources.admit(row.id, row.cpu or 1, row.gpu or 0)
                if allocation is None:
                    # Strictly first in, first out: small jobs that overtake would keep a large one waiting for ever.
                    return
                self._start(row, allocation)
            self._queue.popleft()

    def _start(self, row: Row[Any], allocation: Allocation) -> None:
        shim = self._shim(row.id)
        try:
            argv = self._programs.command(row.request["image"], row.request["tag"])
            if not shim.was_started():
                shim.start(argv, self._environment(row, allocation))
        except (UnknownImageError, CannotStartError) as error:
            reason = str(error)
            self._services.database.write_sync(lambda connection: _fail(connection, row.id, reason))
            self._resources.release(row.id)
            return
        self._runs[row.id] = _Run(row.id, shim)
        held = {"cpu": allocation.cpu, "gpus": list(allocation.gpus)}
        if not self._services.database.write_sync(lambda connection: _running(connection, row.id, held)):
            self._kills.add(row.id)

    def _environment(self, row: Row[Any], allocation: Allocation) -> dict[str, str]:
        token = new_token()
        name = self._services.database.write_sync(lambda connection: _add_token(connection, row, token))
        environment = {key: value for key, value in os.environ.items() if not key.startswith(_PRIVATE)}
        if self._resources.gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, allocation.gpus))
        return {
            **environment,
            # Lines reach the log when they are printed, not when a buffer is full.
            "PYTHONUNBUFFERED": "1",
            "api_token": token,
            "organization_id": str(row.organization_id),
            "organization_name": name,
            "job_id": str(row.id),
            "host": self._services.settings.address,
        }

    def _poll(self, run: _Run) -> None:
        if run.job in self._kills and run.shim.terminate():
            self._kills.discard(run.job)
        # Read before the log: nothing is written to it after the program ended.
        ending = run.shim.ending()
        if ending is None and not run.shim.is_alive():
            ending = run.shim.ending() or ProgramExit(None)
        while self._copy_log(run, to_the_end=ending is not None):
            pass
        if ending is not None:
            self._finish(run, ending)

    def _copy_log(self, run: _Run, to_the_end: bool) -> bool:
        lines, offset = read_lines(run.shim.log, run.log_offset, to_the_end)
        if offset == run.log_offset:
            return False

        def take(connection: Connection) -> None:
            logs.append(connection, run.job, lines)
            job_table.note(connection, run.job, log_offset=offset)

        self._services.database.write_sync(take)
        run.log_offset = offset
        return True

    def _finish(self, run: _Run, ending: ProgramExit) -> None:
        if ending.code is None:
            run.shim.clear_away()
        self._services.database.write_sync(lambda connection: _ended(connection, run.job, ending))
        self._services.tokens.forget()
        self._resources.release(run.job)
        self._kills.discard(run.job)
        del self._runs[run.job]
        # A job that waits for these resources may start now.
        self._wake.set()

    def _shim(self, job: UUID) -> JobShim:
        return JobShim(self._services.settings.jobs / str(job))


def _running_rows(connection: Connection) -> list[Row[Any]]:
    """Rows of jobs whose programs were started and not yet seen to end."""
    return list(connection.execute(select(schema.job).where(schema.job.c.held.is_not(None))).all())


def _queued(connection: Connection, job: UUID) -> Row[Any] | None:
    """Set a job to QUEUED and return it; None when it was killed while it waited."""
    row = job_table.get(connection, job)
    if row is None or JobStatus(row.status).is_terminal:
        return None
    job_table.move(connection, job, JobStatus.QUEUED)
    return row


def _is_waiting(connection: Connection, job: UUID) -> bool:
    row = job_table.get(connection, job)
    return row is not None and not JobStatus(row.status).is_terminal


def _running(connection: Connection, job: UUID, held: dict[str, Any]) -> bool:
    # Recorded in any status, since the program runs and has to be supervised.
    job_table.note(connection, job, held=held)
    try:
        job_table.move(connection, job, JobStatus.RUNNING)
    except IllegalTransitionError:
        return False
    return True


def _fail(connection: Connection, job: UUID, reason: str) -> None:
    drop_job_tokens(connection, job)
    row = job_table.get(connection, job)
    if row is not None and not JobStatus(row.status).is_terminal:
        logs.append(connection, job, [reason])
        job_table.move(connection, job, JobStatus.FAILED, reason=reason)


def _add_token(connection: Connection, row: Row[Any], token: str) -> str:
    user = connection.execute(select(schema.user.c.username).where(schema.user.c.id == row.user_id)).scalar_one()
    add_token(connection, token, Principal(row.organization_id, row.user_id, user, row.id))
    organization = schema.organization.c
    return str(connection.execute(select(organization.name).where(organization.id == row.organization_id)).scalar_one())


def _ended(connection: Connection, job: UUID, ending: ProgramExit) -> None:
    drop_job_tokens(connection, job)
    row = job_table.get(connection, job)
    if row is None:
        return
    job_table.note(connection, job, held=None, exit_code=ending.code)
    # A program may have reported its own end, which takes precedence.
    if not JobStatus(row.status).is_terminal:
        status, reason = _final_status(ending)
        job_table.move(connection, job, status, reason=reason)


def _final_status(ending: ProgramExit) -> tuple[JobStatus, str | None]:
    if ending.code is None:
        return JobStatus.FAILED, _LOST
    if ending.killed:
        return JobStatus.KILLED, _KILLED
    if ending.error:
        return JobStatus.FAILED, f"The program could not be started: {ending.error}."
    if ending.code == 0:
        return JobStatus.SUCCEEDED, None
    if ending.code < 0:
        return JobStatus.FAILED, f"The program was ended by {_signal_name(-ending.code)}."
    return JobStatus.FAILED, f"The program ended with exit code {ending.code}."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
