"""Supervisor of processings: one thread that starts programs, copies their logs and records how they ended.

All state is in the database and in each job's folder, so that a server that starts again adopts the jobs of one that
was killed.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from datalake_ops.platform.jobs import job_table, logs
from datalake_ops.platform.jobs.processings.environment import program_environment
from datalake_ops.platform.jobs.processings.log_reader import read_lines
from datalake_ops.platform.jobs.processings.programs import Programs, UnknownImageError
from datalake_ops.platform.jobs.processings.resource_pool import Allocation, ResourcePool
from datalake_ops.platform.jobs.processings.shim_client import CannotStartError, JobShim, ProgramExit
from datalake_ops.platform.jobs.processings.transitions import (
    is_waiting,
    running_rows,
    set_ended,
    set_failed,
    set_queued,
    set_running,
)
from datalake_ops.platform.services import Services
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.store.disk_space import DiskFullError
from datalake_ops.platform.store.writer import WriterClosedError
from datalake_ops.wire.jobs import JobKind, JobStatus

POLL_SECONDS = 0.1
_ROOM_SECONDS = 0.5
_logger = logging.getLogger(__name__)


@dataclass
class _Run:
    job: UUID
    shim: JobShim
    log_offset: int = 0
    is_log_full: bool = False


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
        # True while more output waits to be copied: the next round then follows at once.
        self._is_behind = False
        self._lacks_room = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="supervisor", daemon=True)

    def start(self) -> None:
        """Adopt running jobs of an earlier server process, queue waiting ones, and start the thread."""
        for row in self._services.database.read_sync(running_rows):
            held = row.held
            self._resources.admit(row.id, 0, 0, Allocation(held["cpu"], tuple(held["gpus"])))
            self._runs[row.id] = _Run(row.id, _shim(self._services, row.id), row.log_offset or 0)
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
            is_woken = self._wake.wait(self._pause())
            self._wake.clear()
            try:
                self._pass(is_woken)
            except WriterClosedError:
                return
            except DiskFullError as error:
                if not self._lacks_room:
                    _logger.warning("Queued jobs wait for room on the disk. %s", error)
                self._lacks_room = True
                self._stopping.wait(_ROOM_SECONDS)
                self._wake.set()
            except Exception:
                # A failure with one job must not leave the others without supervision.
                _logger.exception("The supervisor of jobs failed in one pass; it continues.")
                self._stopping.wait(1.0)
                self._wake.set()

    def _pause(self) -> float | None:
        if self._is_behind:
            return 0.0
        return POLL_SECONDS if self._runs else None

    def _pass(self, is_woken: bool) -> None:
        self._is_behind = False
        for run in list(self._runs.values()):
            # Each job has one bounded piece of work, so that kills and stops need not wait for the others.
            if self._stopping.is_set():
                return
            self._end_killed()
            self._poll(run)
        self._end_killed()
        if is_woken:
            self._queue_incoming()
            self._admit_waiting()
            self._lacks_room = False

    def _end_killed(self) -> None:
        for job in list(self._kills):
            run = self._runs.get(job)
            # Started jobs are in the table before anybody can kill them: this one has ended meanwhile.
            if run is None or run.shim.terminate():
                self._kills.discard(job)

    def _queue_incoming(self) -> None:
        while self._incoming:
            row = self._services.database.write_sync(lambda connection: set_queued(connection, self._incoming[0]))
            self._incoming.popleft()
            if row is not None:
                self._queue.append(row)

    def _admit_waiting(self) -> None:
        while self._queue and not self._stopping.is_set():
            row = self._queue[0]
            if self._services.database.read_sync(lambda connection: is_waiting(connection, self._queue[0].id)):
                allocation = self._resources.admit(row.id, row.cpu or 1, row.gpu or 0)
                if allocation is None:
                    # Strictly first in, first out: small jobs that overtake would keep a large one waiting for ever.
                    return
                self._end_killed()
                try:
                    self._start(row, allocation)
                except Exception:
                    # It is admitted again in a later pass, and must not wait for its own allocation then.
                    self._resources.release(row.id)
                    raise
            self._queue.popleft()

    def _start(self, row: Row[Any], allocation: Allocation) -> None:
        shim = _shim(self._services, row.id)
        try:
            image, tag = row.request["image"], row.request["tag"]
            # Looked up again: a program may have been given since the launch.
            program = self._services.database.read_sync(lambda connection: self._programs.find(connection, image, tag))
            if not shim.was_started():
                gpus = allocation.gpus if self._resources.gpus else None
                environment = program_environment(self._services, row, gpus)
                shim.start(program.argv, {**program.environment, **environment})
        except (UnknownImageError, CannotStartError) as error:
            reason = str(error)
            self._services.database.write_sync(lambda connection: set_failed(connection, row.id, reason), True)
            self._resources.release(row.id)
            return
        self._runs[row.id] = _Run(row.id, shim)
        held = {"cpu": allocation.cpu, "gpus": list(allocation.gpus)}
        if not self._services.database.write_sync(lambda connection: set_running(connection, row.id, held), True):
            self._kills.add(row.id)

    def _poll(self, run: _Run) -> None:
        # Read before the log: nothing is written to it after the program ended.
        ending = run.shim.ending()
        if ending is None and not run.shim.is_alive():
            ending = run.shim.ending() or ProgramExit(None)
        if self._copy_log(run, to_the_end=ending is not None):
            self._is_behind = True
        elif ending is not None:
            self._finish(run, ending)

    def _copy_log(self, run: _Run, to_the_end: bool) -> bool:
        try:
            return _copy_log_chunk(self._services.database, run, to_the_end)
        except DiskFullError as error:
            # A job must end also when there is no room for its log, which stays in the job's folder.
            if to_the_end:
                _logger.warning("The end of the log of job %s stays in %s. %s", run.job, run.shim.log, error)
            return False

    def _finish(self, run: _Run, ending: ProgramExit) -> None:
        if ending.code is None:
            run.shim.clear_away()
        self._services.database.write_sync(lambda connection: set_ended(connection, run.job, ending), essential=True)
        self._services.tokens.forget()
        self._resources.release(run.job)
        self._kills.discard(run.job)
        del self._runs[run.job]
        # A job that waits for these resources may start now.
        self._wake.set()


def _shim(services: Services, job: UUID) -> JobShim:
    return JobShim(services.settings.jobs / str(job), services.settings.program_umask)


def _copy_log_chunk(database: Database, run: _Run, to_the_end: bool) -> bool:
    """Copy one chunk of a program's output to the job's log; returns False when no more is to be copied now."""
    if run.is_log_full:
        return False
    lines, offset = read_lines(run.shim.log, run.log_offset, to_the_end)
    if offset == run.log_offset:
        return False

    def take(connection: Connection) -> bool:
        job_table.note(connection, run.job, log_offset=offset)
        return logs.append(connection, run.job, lines)

    run.is_log_full = not database.write_sync(take)
    run.log_offset = offset
    return True
