"""Waits for a job: on the worker, in the triggerer, and the way back to the worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import AirflowTaskTimeout, supervisor_delay
from airflow_provider.triggers.events import ENDED, TIMED_OUT, JobEvent
from datalake_ops.errors import DatalakeError, JobLostError, JobWaitTimeoutError, NotFoundError
from datalake_ops.waiting.log_tail import LogTail

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.wire.jobs import Job

# XCom of the job's id, for the time after the task was deferred.
_JOB_ID_KEY = "job_id"
# Seconds that the trigger has to end by itself before Airflow ends it.
_TRIGGER_SECONDS = 60.0
# Seconds in which the platform must answer about a job that is known to have ended.
_LAST_LOOK = 60.0
# Added to the message when Airflow, and not the trigger, found that the deadline is over.
GIVEN_UP = "Airflow gave up the trigger, which had fired no event: see whether a triggerer runs and keeps up."


@dataclass(frozen=True)
class JobWaitSettings:
    """Settings of the wait for one job.

    Args:
        timeout: seconds, None waits for ever.
        poll_interval: seconds between looks, None lets them grow.
        max_failed_polls: how many looks may fail in a row, None gives the platform five minutes.
        log_interval: seconds between looks at the job's log, None shows none; `log_cursor` is where the next begins.
        cancel_on_kill: True if the triggerer cancels the job when the deferred task is stopped.
        job_ids: all jobs of a wait for several; `job_id` is the first of them.
    """

    datalake_conn_id: str
    job_id: str
    timeout: float | None = None
    poll_interval: float | None = None
    max_failed_polls: int | None = None
    log_interval: float | None = None
    log_cursor: int = 0
    cancel_on_kill: bool = False
    job_ids: tuple[str, ...] = ()

    def deferral(self, context: Context) -> dict[str, Any]:
        """Arguments of `defer` that continue the wait in the triggerer and resume in `execute_complete`."""
        from airflow_provider.triggers.job import JobTrigger

        now = time.time()
        ends = [now + self.timeout] if self.timeout is not None else []
        if (overdue := overdue_at(context)) is not None:
            ends.append(overdue)
        deadline_at = min(ends, default=None)
        trigger = JobTrigger(
            datalake_conn_id=self.datalake_conn_id,
            job_id=self.job_id,
            poll_interval=self.poll_interval,
            deadline_at=deadline_at,
            fire_after=now + supervisor_delay(),
            max_failed_polls=self.max_failed_polls,
            log_interval=self.log_interval,
            log_cursor=self.log_cursor,
            cancel_on_kill=self.cancel_on_kill,
            job_ids=list(self.job_ids) or None,
        )
        timeout = None if deadline_at is None else trigger_timeout(deadline_at - now, self.poll_interval)
        return {"trigger": trigger, "method_name": "execute_complete", "timeout": timeout}


def trigger_timeout(seconds: float, poll_interval: float | None) -> timedelta:
    """Airflow's own timeout of a trigger that keeps a deadline itself: later, so it only ends a trigger that hangs."""
    return timedelta(seconds=seconds + max(_TRIGGER_SECONDS, 2 * (poll_interval or 0.0)))


def wait_on_worker(
    wait: JobWaitSettings, datalake: SharedHook, grace: float | None, on_poll: Callable[[Job], None], log: Any
) -> tuple[Job | None, JobWaitSettings]:
    """Wait here until the job succeeded, or for `grace` seconds: then no job is returned, and what is left to wait.

    Raises:
        JobFailedError, JobKilledError: the job did not succeed; the error tells why and shows the end of its log.
        JobWaitTimeoutError: the wait's own timeout came first.
    """
    started_at = time.time()
    tail = None if wait.log_interval is None else LogTail(wait.log_cursor, wait.log_interval)

    def look(job: Job) -> None:
        on_poll(job)
        for line in datalake.new_log_lines(job, tail) if tail is not None else ():
            log.info("| %s", line)

    is_last = grace is None or (wait.timeout is not None and wait.timeout <= grace)
    try:
        ended = datalake.wait_for_job(
            wait.job_id,
            timeout=wait.timeout if is_last else grace,
            poll_interval=wait.poll_interval if is_last else None,
            on_poll=look,
            max_failed_polls=wait.max_failed_polls,
        )
    except JobWaitTimeoutError:
        if is_last:
            raise
        left = None if wait.timeout is None else max(0.0, wait.timeout - (time.time() - started_at))
        return None, replace(wait, timeout=left, log_cursor=0 if tail is None else tail.cursor)
    return ended, wait


def finish(event: JobEvent, datalake: SharedHook, context: Context) -> Job:
    """Return the job of a trigger's event, once the core has found that it succeeded.

    Raises:
        JobFailedError, JobKilledError: the job did not succeed; the error tells why and shows the end of its log.
        JobWaitTimeoutError: the wait reached its deadline; the job goes on.
        AirflowTaskTimeout: the task's `execution_timeout` is over; the job goes on.
        DatalakeError: the triggerer could not ask the platform; the error is the one that it met.
    """
    if event.outcome == TIMED_OUT:
        stop_if_overdue(context, event.message)
        raise JobWaitTimeoutError(event.message)
    if event.outcome != ENDED:
        raise event.as_error()
    return datalake.wait_for_job(event.job_id, timeout=_LAST_LOOK)


def last_look(job_id: str | None, datalake: SharedHook) -> JobEvent:
    """Event that the trigger would have fired by now; Airflow gave it up because no triggerer ran it in time.

    Raises:
        NotFoundError: the platform does not know the job.
    """
    if job_id is None:
        return JobEvent("", TIMED_OUT, f"The wait for the job took too long. {GIVEN_UP}")
    try:
        job = datalake.get_job(job_id)
    except NotFoundError:
        raise
    except DatalakeError as error:
        seen = f"its status could not be read: {error}"
    else:
        if job.status.is_terminal:
            return JobEvent(job_id, ENDED)
        seen = f"last status: {job.status}"
    return JobEvent(job_id, TIMED_OUT, f"Job {job_id} had not ended in time ({seen}). {GIVEN_UP}")


@contextmanager
def own_job(job_id: str) -> Iterator[None]:
    """Treat an unknown job as lost: the task that waits for it has started it itself.

    Raises:
        JobLostError: instead of a `NotFoundError`, which for anybody else means a wrong id.
    """
    try:
        yield
    except NotFoundError as error:
        raise JobLostError(
            f"The platform no longer knows job {job_id}, which this task had started. A retry starts another. {error}"
        ) from error


def remember_job(context: Context, job_id: str) -> None:
    """Store the job's id as an XCom, for a task that resumes without an event because its trigger crashed."""
    context["ti"].xcom_push(key=_JOB_ID_KEY, value=job_id)


def remembered_job(context: Context) -> str | None:
    """The id of the job that this try of the task waits for."""
    ti = context["ti"]
    job_id = ti.xcom_pull(task_ids=ti.task_id, key=_JOB_ID_KEY, map_indexes=ti.map_index)
    return None if job_id is None else str(job_id)


def stop_if_overdue(context: Context, message: str) -> None:
    """Fail a task that waited in the triggerer for longer than it may run.

    Raises:
        AirflowTaskTimeout: its `execution_timeout` is over.
    """
    overdue = overdue_at(context)
    if overdue is not None and time.time() >= overdue:
        raise AirflowTaskTimeout(f"The task's execution_timeout is over. {message}")


def overdue_at(context: Context) -> float | None:
    """Wall-clock time at which the task's `execution_timeout` is over; None when it has none.

    Airflow watches over it on workers only (apache/airflow #60517).
    """
    allowed, started_at = context["task"].execution_timeout, context["ti"].start_date
    return None if allowed is None or started_at is None else (started_at + allowed).timestamp()
