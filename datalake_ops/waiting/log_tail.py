"""Tail of a job's log while the job goes on: the lines to request, when, and the lines to show. Pure decisions."""

from __future__ import annotations

from dataclasses import dataclass

from datalake_ops.wire.jobs import Job, JobStatus, LogPage

# Lines that one request shows at most: the reader is to see the progress, the platform's page has all lines.
LINES = 100


@dataclass
class LogTail:
    """Position in a job's log, and the time of the next request.

    Args:
        cursor: line at which the next request begins.
        every: seconds between requests.
    """

    cursor: int = 0
    every: float = 10.0
    requested_at: float = 0.0

    def is_due(self, job: Job, now: float) -> bool:
        """Return True if lines are to be requested: at intervals while the job runs, and once when it has ended."""
        if job.status.is_terminal:
            return True
        return job.status is JobStatus.RUNNING and now - self.requested_at >= self.every

    def misses_some(self, page: LogPage) -> bool:
        """Return True if there are more lines than are shown at a time, so that the last ones are to be requested."""
        return len(page.lines) >= LINES

    def show(self, page: LogPage, now: float) -> list[str]:
        """The lines to show of a page, after a note on those that are left out."""
        left_out = page.next_cursor - len(page.lines) - self.cursor
        # A log that was replaced by a shorter one is shown from its beginning.
        lines = [f"... {left_out} lines are left out ..."] if left_out > 0 else []
        self.cursor, self.requested_at = page.next_cursor, now
        return [*lines, *page.lines]
