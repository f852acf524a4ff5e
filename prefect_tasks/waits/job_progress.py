"""Progress artifact of a job: its running time, and the time left by the median of earlier jobs of the same work."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from datalake_ops.errors import DatalakeError
from datalake_ops.wire.jobs import Job
from prefect_tasks.blocks import DatalakeCredentials
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.ui import artifacts
from prefect_tasks.ui.artifacts import ProgressArtifact

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook

# What a job does, so that its like are found again: their time is the best guess for its own.
WORK_LABEL = "work"
# A job that ends sooner needs no progress.
_QUICK_SECONDS = 5.0
_LIKE = 20
# Until it has ended nobody knows whether it takes longer than the others did.
_MOST_PERCENT = 95.0


class JobProgressArtifact:
    """Progress artifact of one job; each method blocks, for as long as Prefect takes for an artifact."""

    def __init__(self, credentials: DatalakeCredentials, logger: Any) -> None:
        self._credentials = credentials
        self._logger = logger
        self._card: ProgressArtifact | None = None
        self._from = time.monotonic() + _QUICK_SECONDS
        self._usual: float | None = None

    @property
    def is_due(self) -> bool:
        """True if an update is due."""
        return time.monotonic() >= self._from

    def take(self, job: Job) -> None:
        """Update the artifact of a job that goes on, if it is due."""
        if not self.is_due:
            return
        if self._card is None:
            self._card = ProgressArtifact(f"Job {job.id}")
            self._usual = self._usual_seconds(job)
        self._card(*self._told(job))

    def end(self, job: Job) -> None:
        """Write the job's final status, if the artifact exists."""
        if self._card is not None:
            self._card.end(f"{job.status}{_counts(job)}", 100.0 if job.status.succeeded else 0.0)

    def _told(self, job: Job) -> tuple[float, str]:
        begun = job.started_at or job.created_at
        seconds = (datetime.now(UTC) - begun).total_seconds() if begun else 0.0
        text = f"{job.status} for {seconds:.0f} s{_counts(job)}"
        if not self._usual:
            return 0.0, text
        left = self._usual - seconds
        told = f"about {left:.0f} s left" if left > 0 else f"longer than the usual {self._usual:.0f} s"
        return min(100.0 * seconds / self._usual, _MOST_PERCENT), f"{text}, {told}"

    def _usual_seconds(self, job: Job) -> float | None:
        work = (job.labels or {}).get(WORK_LABEL)
        if work is None:
            return None
        try:
            with self._credentials.get_client() as hook:
                like = hook.find_jobs(labels={WORK_LABEL: work})
        except DatalakeError as error:
            # A guess is not worth a wait that fails.
            self._logger.debug("Jobs like %s could not be looked up: %s", job.id, error)
            return None
        took = [
            (one.finished_at - one.started_at).total_seconds()
            for one in like[:_LIKE]
            if one.status.succeeded and one.finished_at and one.started_at
        ]
        return statistics.median(took) if took else None


def announce_job(hook: DatalakeHook, job: Job, what: str) -> None:
    """Log a job with its work, and link it on the run's page."""
    address = hook.job_url(job)
    run_logger().info("%s is job %s: %s", what, job.id, address)
    artifacts.link(address, f"{what}: job {job.id}")


def _counts(job: Job) -> str:
    return "".join(f", {name} {count}" for name, count in (job.counts or {}).items())
