"""State machine of jobs: the statuses that may follow each status."""

from __future__ import annotations

from datalake_ops.wire.jobs import JobStatus

_NEXT: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.PENDING: frozenset({JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.FAILED, JobStatus.KILLED}),
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.FAILED, JobStatus.KILLED}),
    JobStatus.RUNNING: frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.KILLED}),
}


class IllegalTransitionError(ValueError):
    """The job's status does not allow the transition."""

    def __init__(self, before: JobStatus, after: JobStatus) -> None:
        super().__init__(f"The job is {before.value} and cannot become {after.value}.")


def check_transition(before: JobStatus, after: JobStatus) -> bool:
    """Return True if the status changes, False if the job has it already, as a repeated request finds it.

    Raises:
        IllegalTransitionError: the status cannot follow.
    """
    if before is after:
        return False
    if after not in _NEXT.get(before, frozenset()):
        raise IllegalTransitionError(before, after)
    return True
