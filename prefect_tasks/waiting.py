"""What every wait of this package does alike: log changes, keep one deadline, stop the job when stopped itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, Literal

from prefect.context import TaskRunContext
from prefect.exceptions import MissingContextError, Pause
from prefect.logging import get_logger, get_run_logger

from datalake_ops.config import RetryPolicy, Timeouts
from datalake_ops.errors import DatalakeError, JobFailedError, JobKilledError
from datalake_ops.remedy import is_transient
from datalake_ops.wire.jobs import Job
from prefect_tasks.blocks import DatalakeCredentials

OnStop = Literal["cancel", "detach"]
WaitMode = Literal["auto", "poll", "suspend"]
# Prefect kills a cancelled run 30 s after asking it to stop; the job must have been cancelled by then.
_IN_A_HURRY = {"retry": RetryPolicy(attempts=3, budget=10.0), "timeouts": Timeouts(5.0, 10.0, 10.0)}


def run_logger() -> Any:
    """The run's logger, or a plain one outside a run."""
    try:
        return get_run_logger()
    except MissingContextError:
        return get_logger("prefect_tasks")


class ChangeLog:
    """Logs a job when it changes, and only then."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._last: tuple[Any, ...] | None = None

    def __call__(self, job: Job) -> None:
        """Take note of a job, as a waiter's `on_poll`."""
        seen = (job.status, job.counts)
        if seen != self._last:
            counts = ", ".join(f"{name} {count}" for name, count in (job.counts or {}).items())
            self._logger.info("Job %s: %s%s", job.id, job.status, f" ({counts})" if counts else "")
        self._last = seen


@contextmanager
def stopping(stops: Callable[[BaseException], bool], cancel: Callable[[], None]) -> Iterator[None]:
    """Cancel the job when the wait within is stopped: by Prefect, by a signal, by its deadline or by a mistake.

    The job is left alone when it has ended, when Prefect will retry or resume the wait, and when `stops` says so.
    """
    try:
        yield
    except (JobFailedError, JobKilledError, Pause):
        raise
    except BaseException as stop:
        if not is_transient(stop) and stops(stop):
            cancel()
        raise


def cancel_job(credentials: DatalakeCredentials, job: str, logger: Any) -> None:
    """Ask the platform to stop a job, within seconds; a refusal is logged, for what stopped the wait matters more."""
    from datalake_ops.hook import DatalakeHook

    try:
        with DatalakeHook.from_connection(credentials.connection.with_(**_IN_A_HURRY)) as hook:
            stopped = hook.cancel_job(job)
    except DatalakeError as error:
        logger.error("Job %s could not be cancelled and goes on at the platform: %s", job, error)
    else:
        logger.warning("Job %s was cancelled (%s), because its wait was stopped.", job, stopped.status)


def seconds_left(timeout: float | None) -> float | None:
    """What is left of a task's `timeout` since its first try, so that retries do not prolong a wait."""
    context = TaskRunContext.get()
    if timeout is None or context is None or context.task_run.start_time is None:
        return timeout
    waited = (datetime.now(timezone.utc) - context.task_run.start_time).total_seconds()
    return max(0.0, timeout - waited)


def job_summary(job: Job, url: str) -> dict[str, Any]:
    """A job as small JSON-ready values, fit for a result; `seconds` is how long it ran, if the platform tells."""
    ran = job.finished_at - job.started_at if job.finished_at and job.started_at else None
    return {
        "id": str(job.id),
        "status": str(job.status),
        "type": job.type,
        "counts": job.counts,
        "exit_code": job.exit_code,
        "reason": job.reason,
        "seconds": ran.total_seconds() if ran is not None else None,
        "url": url,
    }
