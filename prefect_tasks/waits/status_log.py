"""Log of a job's changes, deadline over retries, and summary of a job, for every wait."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect.context import TaskRunContext

from datalake_ops import arguments
from datalake_ops.wire.jobs import Job


class StatusLog:
    """Logs a job when it changes, and only then."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._last: tuple[Any, ...] | None = None

    def __call__(self, job: Job) -> None:
        """Log a polled job if it has changed, as a waiter's `on_poll`."""
        seen = (job.status, job.counts)
        if seen != self._last:
            counts = ", ".join(f"{name} {count}" for name, count in (job.counts or {}).items())
            self._logger.info("Job %s: %s%s", job.id, job.status, f" ({counts})" if counts else "")
        self._last = seen


def seconds_left(timeout: Any) -> float | None:
    """Return the seconds left of a task's `timeout` since its first try, so that retries do not prolong a wait."""
    seconds, context = arguments.positive_seconds("timeout", timeout), TaskRunContext.get()
    if seconds is None or context is None or context.task_run.start_time is None:
        return seconds
    waited = (datetime.now(UTC) - context.task_run.start_time).total_seconds()
    return max(0.0, seconds - waited)


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
