"""Job transitions that the supervisor writes: queued, running, failed to start, ended."""

from __future__ import annotations

import signal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from datalake_ops.platform.jobs import job_table, logs
from datalake_ops.platform.jobs.processings.shim_client import ProgramExit
from datalake_ops.platform.jobs.states import IllegalTransitionError
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.tokens import drop_job_tokens
from datalake_ops.wire.jobs import JobStatus

_LOST = "The job's program disappeared without an exit code: the machine was restarted, or its shim was killed."
_KILLED = "Killed on request."


def running_rows(connection: Connection) -> list[Row[Any]]:
    """Rows of jobs whose programs were started and not yet seen to end."""
    return list(connection.execute(select(schema.job).where(schema.job.c.held.is_not(None))).all())


def set_queued(connection: Connection, job: UUID) -> Row[Any] | None:
    """Set a job to QUEUED and return it; None when it was killed while it waited."""
    row = job_table.get(connection, job)
    if row is None or JobStatus(row.status).is_terminal:
        return None
    job_table.move(connection, job, JobStatus.QUEUED)
    return row


def is_waiting(connection: Connection, job: UUID) -> bool:
    """Return True unless the job has ended, or was deleted."""
    row = job_table.get(connection, job)
    return row is not None and not JobStatus(row.status).is_terminal


def set_running(connection: Connection, job: UUID, held: dict[str, Any]) -> bool:
    """Set a job to RUNNING, with its allocation; returns False when its status does not allow that."""
    # Recorded in any status, since the program runs and has to be supervised.
    job_table.note(connection, job, held=held)
    try:
        job_table.move(connection, job, JobStatus.RUNNING)
    except IllegalTransitionError:
        return False
    return True


def set_failed(connection: Connection, job: UUID, reason: str) -> None:
    """Set a job that has not ended to FAILED, and end its tokens."""
    drop_job_tokens(connection, job)
    row = job_table.get(connection, job)
    if row is not None and not JobStatus(row.status).is_terminal:
        logs.append(connection, job, [reason])
        job_table.move(connection, job, JobStatus.FAILED, reason=reason)


def set_ended(connection: Connection, job: UUID, ending: ProgramExit) -> None:
    """Record how a job's program ended, and end its tokens."""
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
