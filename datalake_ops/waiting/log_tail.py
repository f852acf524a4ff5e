"""Following a job's log while the job goes on: which lines to ask for and when, and what to show of many. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from datalake_ops.wire.jobs import Job, JobStatus, LogPage

# Lines that one look shows at most: the reader is to see how it goes, the platform's page has all.
LINES = 100


@dataclass
class Tail:
    """How much of a job's log was shown, and when to look for more.

    Args:
        cursor: where the next look begins.
        every: seconds between looks.
    """

    cursor: int = 0
    every: float = 10.0
    looked_at: float = 0.0

    def is_due(self, job: Job, now: float) -> bool:
        """Whether to look: now and then while the job runs, and once when it has ended."""
        if job.status.is_terminal:
            return True
        return job.status is JobStatus.RUNNING and now - self.looked_at >= self.every

    def misses_some(self, page: LogPage) -> bool:
        """Whether there is more than is shown at a time, so that the last lines are to be asked for instead."""
        return len(page.lines) >= LINES

    def show(self, page: LogPage, now: float) -> list[str]:
        """The lines of a look, after a word on those that are left out."""
        left_out = page.next_cursor - len(page.lines) - self.cursor
        # A log that was replaced by a shorter one is shown from its beginning.
        lines = [f"... {left_out} lines are left out ..."] if left_out > 0 else []
        self.cursor, self.looked_at = page.next_cursor, now
        return [*lines, *page.lines]
