"""One wait for one job, and the loop that blocks until it ended.

Deadlines are on the wall clock, so that a wait that moves to another machine (Airflow's triggerer) still ends when
it should.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from datalake_ops.config import RetryPolicy
from datalake_ops.errors import DatalakeError, JobWaitTimeoutError, NetworkError, ServerError, TooManyRequestsError
from datalake_ops.waiting.schedule import WaitSchedule
from datalake_ops.wire.jobs import Job

OnPoll = Callable[[Job], None]
# A wait counts its failed polls itself, so no poll spends minutes on tries of its own.
ONE_TRY = RetryPolicy(attempts=1)
# A poll that fails with one of these says nothing about the job.
TRANSIENT = (NetworkError, ServerError, TooManyRequestsError)


@dataclass
class JobWait:
    """State of one wait for a job: the job as last seen, failed polls, and the pause before the next poll."""

    job_id: UUID
    schedule: WaitSchedule
    deadline_at: float | None
    on_poll: OnPoll | None = None
    started_at: float = field(default_factory=time.time)
    seen: Job | None = None
    silent_since: float | None = None
    failures: int = 0

    def saw(self, job: Job) -> bool:
        """Record a job; return True if it has ended."""
        self.seen, self.silent_since, self.failures = job, None, 0
        if self.on_poll is not None:
            self.on_poll(job)
        return job.status.is_terminal

    def pause(self, error: DatalakeError | None = None) -> float:
        """Seconds until the next poll.

        Raises:
            JobWaitTimeoutError: the deadline has come.
            DatalakeError: `error`, when polls have failed for longer than is tolerated.
        """
        now = time.time()
        if error is not None:
            self.silent_since = self.silent_since or now
            self.failures += 1
            if self.schedule.is_too_much(self.failures, now - self.silent_since):
                raise error
        pause = self.schedule.interval(now - self.started_at, random.random(), getattr(error, "retry_after", None))
        if self.deadline_at is None:
            return pause
        left = self.deadline_at - now
        if left <= 0:
            raise self._timeout(now)
        return min(pause, left)

    def _timeout(self, now: float) -> JobWaitTimeoutError:
        status = self.seen.status if self.seen else "never seen"
        return JobWaitTimeoutError(
            f"Job {self.job_id} had not ended after {now - self.started_at:.0f} s (last status: {status}). "
            "It goes on at the platform: wait longer, or cancel it.",
            job=self.seen,
        )


def wait_until_ended(wait: JobWait, look: Callable[[UUID], Job], rest: Callable[[float], None] = time.sleep) -> Job:
    """Block until the job ended, whatever its outcome; `look` requests the job, `rest` pauses for seconds."""
    while True:
        problem: DatalakeError | None = None
        try:
            if wait.saw(job := look(wait.job_id)):
                return job
        except TRANSIENT as error:
            problem = error
        rest(wait.pause(problem))
