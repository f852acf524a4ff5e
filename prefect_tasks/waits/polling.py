"""Waits for one or several jobs by polling, blocking or awaiting, for tasks and job runs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datalake_ops import arguments
from datalake_ops.errors import JobWaitTimeoutError
from datalake_ops.waiting import cancel_policy
from prefect_tasks.blocks import DatalakeCredentials
from prefect_tasks.runs.run_labels import seconds_until
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.wait_options import OnStop, Seconds
from prefect_tasks.waits.cancellation import acancel_on_stop, cancel_jobs, cancel_on_stop
from prefect_tasks.waits.run_monitor import JobMonitor
from prefect_tasks.waits.status_log import job_summary

if TYPE_CHECKING:
    from datalake_ops.hook.awaiting import AsyncDatalakeHook
    from datalake_ops.wire.jobs import Job


@dataclass(frozen=True)
class JobPoller:
    """Wait for jobs: each is polled until it has ended, one after the other, and then the first that failed raises.

    That costs no more time than the longest job takes, and asks for one job at a time.
    """

    credentials: DatalakeCredentials
    jobs: tuple[str, ...]
    poll_interval: Seconds | None = None
    on_stop: OnStop | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "on_stop", checked_on_stop(self.poll_interval, self.on_stop))

    @property
    def interval(self) -> float | None:
        """Seconds between polls; None for the waiter's own."""
        return arguments.seconds("poll_interval", self.poll_interval)

    def run(self, timeout: float | None) -> list[dict[str, Any]]:
        """Wait until every job has ended, and return their summaries.

        Raises:
            JobFailedError, JobKilledError: a job did not succeed.
            JobWaitTimeoutError: the time ran out; the jobs that go on are cancelled, unless they are to be left.
        """
        deadline_at = _deadline_at(arguments.seconds("timeout", timeout))
        watches = [self._watch(job) for job in self.jobs]
        with cancel_on_stop(lambda stop: self._stop(watches, stop)):
            _begin(watches)
            with self.credentials.get_client() as hook:
                ended = [
                    watch.end(
                        hook.wait_for_job(
                            watch.job, _left(watch, deadline_at), self.interval, watch.on_poll, False, watch.rest
                        )
                    )
                    for watch in watches
                ]
                return [job_summary(hook.check_job(job), hook.job_url(job)) for job in ended]

    async def arun(self, timeout: float | None) -> list[dict[str, Any]]:
        """Async form of `run`."""
        deadline_at = _deadline_at(arguments.seconds("timeout", timeout))
        watches = [self._watch(job) for job in self.jobs]
        async with acancel_on_stop(lambda stop: self._stop(watches, stop)):
            await asyncio.to_thread(_begin, watches)
            async with await self.credentials.aget_client() as hook:
                ended = [await self._ended(hook, watch, deadline_at) for watch in watches]
                await asyncio.to_thread(lambda: [watch.end(job) for watch, job in zip(watches, ended, strict=True)])
                return [job_summary(await hook.check_job(job), await hook.job_url(job)) for job in ended]

    async def _ended(self, hook: AsyncDatalakeHook, watch: JobMonitor, deadline_at: float | None) -> Job:
        left = _left(watch, deadline_at)
        try:
            return await hook.wait_for_job(watch.job, left, self.interval, watch.on_poll, False, watch.arest)
        except JobWaitTimeoutError as error:
            error.url = await hook.job_url(watch.job)
            raise

    def poll_briefly(self, seconds: float) -> list[dict[str, Any]] | None:
        """Return the result of `run` if every job ends within some seconds, else None; the jobs go on."""
        try:
            return self._patient().run(seconds)
        except JobWaitTimeoutError:
            return None

    async def apoll_briefly(self, seconds: float) -> list[dict[str, Any]] | None:
        """Async form of `poll_briefly`."""
        try:
            return await self._patient().arun(seconds)
        except JobWaitTimeoutError:
            return None

    def _watch(self, job: str) -> JobMonitor:
        return JobMonitor(self.credentials, job, self.on_stop, run_logger())

    def _stop(self, watches: list[JobMonitor], stop: BaseException) -> None:
        jobs = [job for watch in watches if (job := watch.stoppable(stop)) is not None]
        cancel_jobs(self.credentials, jobs, run_logger())

    def _patient(self) -> JobPoller:
        return _BriefJobPoller(self.credentials, self.jobs, self.poll_interval, self.on_stop)


@dataclass(frozen=True)
class _BriefJobPoller(JobPoller):
    """A wait whose timeout cancels no job."""

    def _watch(self, job: str) -> JobMonitor:
        return JobMonitor(self.credentials, job, self.on_stop, run_logger(), outlived=(JobWaitTimeoutError,))


def checked_on_stop(poll_interval: Any, on_stop: Any) -> OnStop | None:
    """Check the options of a wait, and return `on_stop` in its present word; None is what the job's launch said.

    Raises:
        ArgumentError: an option is not of its field.
    """
    arguments.positive_seconds("poll_interval", poll_interval)
    return None if on_stop is None else cancel_policy.on_stop("on_stop", on_stop)


def _deadline_at(timeout: float | None) -> float | None:
    return None if timeout is None else time.time() + timeout


def _begin(watches: list[JobMonitor]) -> None:
    for watch in watches:
        watch.begin()


def _left(watch: JobMonitor, deadline_at: float | None) -> float | None:
    left = seconds_until(deadline_at)
    return watch.overdue() if left == 0.0 else left
