"""Verbs on jobs: look up, wait, read the log, cancel."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import quote
from uuid import UUID

from datalake_ops import arguments
from datalake_ops.client import jobs as operations
from datalake_ops.client.jobs import JobMark
from datalake_ops.errors import DatalakeError, JobWaitTimeoutError, NotFoundError, UnsupportedError
from datalake_ops.hook.caller import LakeCaller
from datalake_ops.hook.verb_arguments import JobLike, chunks, job_id
from datalake_ops.waiting.blocking_wait import ONE_TRY, TRANSIENT, JobWait, wait_until_ended
from datalake_ops.waiting.job_outcome import check
from datalake_ops.waiting.log_tail import LINES, LogTail
from datalake_ops.waiting.schedule import Seconds, WaitSchedule
from datalake_ops.wire.jobs import Job
from datalake_ops.wire.lakes import Extension

logger = logging.getLogger(__name__)

_BATCH = 500
# Jobs on a page; the platform gives no more.
_PAGE = 1000


class JobVerbs(LakeCaller):
    """Look jobs up, wait for them, read their logs, cancel them."""

    def get_job(self, job: JobLike) -> Job:
        """Return a job as it is now.

        Raises:
            NotFoundError: there is none of that id.
        """
        return self.send(operations.get_job(job_id(job)))

    def get_jobs(self, jobs: Iterable[JobLike]) -> dict[UUID, Job]:
        """Return many jobs as they are now, by id; an unknown id is absent.

        One request for 500 of them where the platform offers `job-batch`, else one for each.
        """
        wanted = arguments.identifiers("jobs", jobs) or []
        if not self.context.offers(Extension.JOB_BATCH):
            return {job.id: job for one in wanted if (job := self._job_or_none(one)) is not None}
        found: dict[UUID, Job] = {}
        for some in chunks(wanted, _BATCH):
            found.update((job.id, job) for job in self.send(operations.batch_jobs(self._organization, some)))
        return found

    def _job_or_none(self, wanted: UUID) -> Job | None:
        try:
            return self.get_job(wanted)
        except NotFoundError:
            return None

    def wait_for_job(
        self,
        job: JobLike,
        timeout: Seconds | None = 3600.0,
        poll_interval: Seconds | None = None,
        on_poll: Callable[[Job], None] | None = None,
        raise_on_failure: bool = True,
        rest: Callable[[float], None] = time.sleep,
        max_failed_polls: int | None = None,
    ) -> Job:
        """Wait until a job has ended and return it.

        Args:
            timeout: seconds to wait at most, as a number, its text or a timedelta; None waits for ever.
            poll_interval: seconds between polls, in the same forms; without it they grow from 0.25 to 10 with the time
                waited.
            on_poll: called with the job after every poll.
            raise_on_failure: False returns a failed or killed job as it is.
            rest: pauses for seconds; one that raises ends the wait.
            max_failed_polls: number of polls that may fail in a row; None gives the platform five minutes.

        Raises:
            ArgumentError: an argument is not what its field takes; nothing was sent.
            JobFailedError, JobKilledError: the job did not succeed; the error has its last log lines.
            JobWaitTimeoutError: the time ran out; the job goes on.
        """
        checks = arguments.flag("raise_on_failure", raise_on_failure) is not False
        schedule = WaitSchedule(timeout, poll_interval, tolerated_failures=max_failed_polls)
        wait = JobWait(job_id(job), schedule, schedule.deadline_at(time.time()), on_poll)
        try:
            ended = wait_until_ended(wait, lambda wanted: self.send(operations.get_job(wanted), ONE_TRY), rest)
        except JobWaitTimeoutError as error:
            error.url = self.job_url(wait.job_id)
            raise
        return self.check_job(ended) if checks else ended

    def check_job(self, job: Job) -> Job:
        """Return the job when it succeeded or still goes on; log a warning of overwritten objects that it skipped.

        Raises:
            JobFailedError, JobKilledError: it ended otherwise; the error has its page and its last log lines.
        """
        if skipped := (job.counts or {}).get("skipped_changed"):
            logger.warning(
                "Job %s skipped %d objects that were overwritten in the bucket since their import, and whose data "
                "cannot be downloaded any more; import them with on_changed='update' or 'new'.",
                job.id,
                skipped,
            )
        if not job.status.is_terminal or job.status.succeeded:
            return job
        return check(job, self.job_url(job), self._log_for_error(job))

    def cancel_job(self, job: JobLike) -> Job:
        """Stop a job, and return it as it is then; a job that ended stays as it is.

        Raises:
            UnsupportedError: the platform does not offer to stop jobs.
        """
        if not self.context.offers(Extension.JOB_KILL):
            raise UnsupportedError(f"This platform cannot stop jobs by its API; stop it at {self.job_url(job)}.")
        return self.send(operations.kill_job(job_id(job)))

    def job_log(self, job: JobLike, tail: int | None = 50) -> list[str]:
        """The last lines of a job's log, all of it with `tail=None`; empty where the platform offers no logs."""
        tail = arguments.whole_number("tail", tail, at_least=1)
        if not self.context.offers(Extension.JOB_LOGS):
            return []
        if tail is not None:
            return list(self.send(operations.job_logs(job_id(job), cursor=-tail, limit=tail)).lines)
        lines: list[str] = []
        cursor = 0
        while (page := self.send(operations.job_logs(job_id(job), cursor))).lines:
            lines.extend(page.lines)
            cursor = page.next_cursor
        return lines

    def follow_job_log(
        self,
        job: JobLike,
        tail: int | None = None,
        poll_interval: Seconds = 1.0,
        rest: Callable[[float], None] = time.sleep,
    ) -> Iterator[str]:
        """Iterate over a job's log as it is written, from its start or its last `tail` lines on, until the job ended.

        Raises:
            UnsupportedError: the platform offers no logs.
        """
        tail = arguments.whole_number("tail", tail, at_least=1)
        pause = arguments.positive_seconds("poll_interval", poll_interval) or 1.0
        wanted = job_id(job)
        if not self.context.offers(Extension.JOB_LOGS):
            raise UnsupportedError(f"This platform offers no logs by its API; read it at {self.job_url(wanted)}.")
        return self._log_until_ended(wanted, tail, pause, rest)

    def _log_until_ended(
        self, job: UUID, tail: int | None, pause: float, rest: Callable[[float], None]
    ) -> Iterator[str]:
        cursor = 0 if tail is None else -tail
        while True:
            # Looked up before the log: no line comes after the end.
            ended = self.get_job(job).status.is_terminal
            while (page := self.send(operations.job_logs(job, cursor))).lines:
                yield from page.lines
                cursor = page.next_cursor
            if ended:
                return
            rest(pause)

    def new_log_lines(self, job: Job, tail: LogTail) -> list[str]:
        """New lines of a job's log, when a request is due; none where the platform has no logs."""
        now = time.time()
        if not tail.is_due(job, now) or not self.context.offers(Extension.JOB_LOGS):
            return []
        try:
            page = self.send(operations.job_logs(job.id, tail.cursor, LINES), ONE_TRY)
            if tail.misses_some(page):
                page = self.send(operations.job_logs(job.id, -LINES, LINES), ONE_TRY)
        except TRANSIENT:
            # A log is for information only: no wait fails by it, and the next request shows what this one missed.
            return []
        return tail.show(page, now)

    def find_jobs(self, idempotency_key: str | None = None, labels: Mapping[str, str] | None = None) -> list[Job]:
        """Find jobs that were started with a key or labels, newest first; all jobs without either.

        A key or labels that are given and empty find none.

        Raises:
            UnsupportedError: the platform keeps neither.
        """
        return list(self.iter_jobs(idempotency_key, labels))

    def iter_jobs(self, idempotency_key: str | None = None, labels: Mapping[str, str] | None = None) -> Iterator[Job]:
        """Iterate over the jobs that `find_jobs` finds, a page of 1,000 in memory at a time.

        Raises:
            UnsupportedError: the platform keeps neither keys nor labels.
        """
        key, labels = arguments.text("idempotency_key", idempotency_key), arguments.mapping("labels", labels)
        if not self.context.offers(Extension.JOB_LABELS):
            raise UnsupportedError("This platform keeps no keys and labels of jobs, so none can be found by them.")
        if arguments.is_empty(key) or arguments.is_empty(labels):
            return iter(())
        return self._pages_of_jobs(JobMark(key, labels))

    def _pages_of_jobs(self, mark: JobMark) -> Iterator[Job]:
        known: set[UUID] = set()
        seen = 0
        while True:
            page = self.send(operations.find_jobs(self._organization, mark, _PAGE, seen))
            # A job that is started meanwhile shifts the pages, so that one may come twice.
            yield from (job for job in page if job.id not in known)
            known.update(job.id for job in page)
            seen += len(page)
            if len(page) < _PAGE:
                return

    def job_url(self, job: JobLike) -> str:
        """Address of the job's page on the platform."""
        return f"{self.connection.host}/{self._organization}/jobs/{job_id(job)}"

    def datalake_url(self, q: str = "") -> str:
        """Address of the lake's page on the platform, filtered by query text."""
        lake = f"{self.connection.host}/{self._organization}/datalake/{self._lake_id}"
        return f"{lake}?offset=0&q={quote(arguments.encodable('q', q))}&order_by=-created_at"

    def _log_for_error(self, job: Job) -> list[str]:
        try:
            return self.job_log(job)
        except DatalakeError as error:
            # The job's failure is what the caller must see, not that its log could not be read.
            return [f"(the job's log could not be read: {error})"]
