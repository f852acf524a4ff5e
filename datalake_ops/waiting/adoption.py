"""Which job a repeated piece of work takes up again: pure decisions on the jobs that earlier tries left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from datalake_ops.wire.jobs import Job

# The label that says which generation of the work a job belongs to: retries share one, work that is ordered anew
# begins another.
GENERATION = "generation"


@dataclass(frozen=True)
class Earlier:
    """What earlier tries left: the job to take up, the one that ended badly, and those of given-up generations."""

    adopted: Job | None = None
    ended: Job | None = None
    stale: tuple[Job, ...] = ()


def earlier_jobs(jobs: Iterable[Job], generation: str) -> Earlier:
    """Sort out the jobs of one piece of work, given newest first.

    The newest of this generation counts: it is taken up when it goes on or did succeed; when it failed or was killed,
    a new one is to replace it. What still goes on of other generations belongs to nobody any more.
    """
    jobs = list(jobs)
    own = [job for job in jobs if (job.labels or {}).get(GENERATION) == generation]
    stale = tuple(job for job in jobs if job not in own and not job.status.is_terminal)
    if not own:
        return Earlier(stale=stale)
    newest = own[0]
    return Earlier(None, newest, stale) if ended_badly(newest) else Earlier(newest, None, stale)


def ended_badly(job: Job) -> bool:
    """Whether a job ended otherwise than well, so that a further try wants another."""
    return job.status.is_terminal and not job.status.succeeded
