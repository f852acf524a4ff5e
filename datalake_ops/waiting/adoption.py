"""Adoption of a job by a repeated task: pure decisions on the jobs that earlier tries left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from datalake_ops.wire.jobs import Job

# Label with the generation of a job's work: retries share one, work that is ordered anew begins another.
GENERATION = "generation"


@dataclass(frozen=True)
class EarlierJobs:
    """Jobs that earlier tries left: the one to adopt, the one that failed, and those of older generations."""

    adopted: Job | None = None
    ended: Job | None = None
    stale: tuple[Job, ...] = ()


def earlier_jobs(jobs: Iterable[Job], generation: str) -> EarlierJobs:
    """Sort the jobs of one piece of work, given newest first.

    The newest of this generation counts: it is taken up when it goes on or did succeed; when it failed or was killed,
    a new one is to replace it. What still goes on of other generations belongs to nobody any more.
    """
    jobs = list(jobs)
    own = [job for job in jobs if (job.labels or {}).get(GENERATION) == generation]
    stale = tuple(job for job in jobs if job not in own and not job.status.is_terminal)
    if not own:
        return EarlierJobs(stale=stale)
    newest = own[0]
    return EarlierJobs(None, newest, stale) if has_failed(newest) else EarlierJobs(newest, None, stale)


def has_failed(job: Job) -> bool:
    """Return True if a job failed or was killed, so that a further try starts another."""
    return job.status.is_terminal and not job.status.succeeded
