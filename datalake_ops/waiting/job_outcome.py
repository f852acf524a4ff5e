"""Outcome of a job, decided in one place for hooks, operators, sensors, triggers and flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from datalake_ops.errors import JobError, JobFailedError, JobKilledError
from datalake_ops.wire.jobs import Job, JobStatus

# Enough of a log to see why a job failed and which items, and little enough for an exception's text.
SHOWN_LINES = 50
# Counts of an import for what was asked for and not done.
_SHORTFALLS = ("failed", "missing", "skipped_changed", "skipped_type", "skipped_name")


def check(job: Job, url: str | None = None, log: Sequence[str] = ()) -> Job:
    """Return the job when it succeeded or still goes on.

    Raises:
        JobFailedError, JobKilledError: it ended otherwise; the error carries the job, its page and its last log lines.
    """
    if not job.status.is_terminal or job.status.succeeded:
        return job
    raise failure(job, url, log)


def failure(job: Job, url: str | None = None, log: Sequence[str] = ()) -> JobError:
    """The error for a job that ended without success."""
    kind = JobKilledError if job.status is JobStatus.KILLED else JobFailedError
    word = "was killed" if kind is JobKilledError else "failed"
    parts = [f"Job {job.id} {word}"]
    if job.exit_code is not None:
        parts.append(f" with exit code {job.exit_code}")
    parts.append(f": {job.reason}" if job.reason else ".")
    if url:
        parts.append(f" See {url}")
    if told := shown_counts(job):
        parts.append(f"\nIt counted: {told}.")
    lines = list(log)[-SHOWN_LINES:]
    if lines:
        parts.append("\nLast lines of its log:\n" + "\n".join(f"  {line}" for line in lines))
    return kind("".join(parts), job=job, url=url, log=log)


def shown_counts(job: Job) -> str:
    """A job's counts as text, such as "imported 7, failed 3"; empty without counts."""
    return ", ".join(f"{name} {count}" for name, count in (job.counts or {}).items() if count)


def shortfall(counts: Mapping[str, int] | None) -> str:
    """Counts of what a succeeded job did not do, such as "failed 3, missing 1"; empty when it did everything."""
    return ", ".join(f"{name} {counts[name]}" for name in _SHORTFALLS if counts and counts.get(name))
