"""Waiting for one or several jobs by asking for them, blocking or awaiting, in tasks and in job runs alike."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datalake_ops.errors import JobWaitTimeoutError
from prefect_tasks.blocks import DatalakeCredentials
from prefect_tasks.runs.run_labels import seconds_until
from prefect_tasks.runs.run_logger import OnStop, run_logger
from prefect_tasks.waits.cancellation import acancel_on_stop, cancel_jobs, cancel_on_stop
from prefect_tasks.waits.run_monitor import JobMonitor
from prefect_tasks.waits.status_log import job_summary

if TYPE_CHECKING:
    from datalake_ops.hook.awaiting import AsyncDatalakeHook
    from datalake_ops.wire.jobs import Job


@dataclass(frozen=True)
class JobPoller:
    """One wait for jobs: all of them are awaited, one after the other, and then the first that failed raises.

    That costs no more time than the longest job takes, and asks for one job at a time.
    """

    credentials: DatalakeCredentials
    jobs: tuple[str, ...]
    poll_interval: float | None = None
    on_stop: OnStop | None = None

    def run(self, timeout: float | None) -> list[dict[str, Any]]:
        """Wait until every job has ended, and return what became of them.

        Raises:
            JobFailedError, JobKilledError: a job did not succeed.
            JobWaitTimeoutError: the time ran out; the jobs that go on are cancelled, unless they are detached.
        """
        deadline_at = _deadline_at(timeout)
        watches = [self._watch(job) for job in self.jobs]
        with cancel_on_stop(lambda stop: self._stop(watches, stop)):
            _begin(watches)
            with self.credentials.get_client() as hook:
                ended = [
                    watch.end(
                        hook.wait_for_job(
                            watch.job, _left(watch, deadline_at), self.poll_interval, watch.on_poll, False, watch.rest
                        )
                    )
                    for watch in watches
                ]
                return [job_summary(hook.check_job(job), hook.job_url(job)) for job in ended]

    async def arun(self, timeout: float | None) -> list[dict[str, Any]]:
        """What `run` does, without holding a thread."""
        deadline_at = _deadline_at(timeout)
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
            return await hook.wait_for_job(watch.job, left, self.poll_interval, watch.on_poll, False, watch.arest)
        except JobWaitTimeoutError as error:
            error.url = await hook.job_url(watch.job)
            raise

    def glance(self, seconds: float) -> list[dict[str, Any]] | None:
        """What `run` returns when every job ends within some seconds, else None; the jobs go on."""
        try:
            return self._patient().run(seconds)
        except JobWaitTimeoutError:
            return None

    async def aglance(self, seconds: float) -> list[dict[str, Any]] | None:
        """What `glance` does, without holding a thread."""
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
    """A wait whose end by time is no reason to cancel."""

    def _watch(self, job: str) -> JobMonitor:
        return JobMonitor(self.credentials, job, self.on_stop, run_logger(), outlived=(JobWaitTimeoutError,))


def _deadline_at(timeout: float | None) -> float | None:
    return None if timeout is None else time.time() + timeout


def _begin(watches: list[JobMonitor]) -> None:
    for watch in watches:
        watch.begin()


def _left(watch: JobMonitor, deadline_at: float | None) -> float | None:
    left = seconds_until(deadline_at)
    return watch.overdue() if left == 0.0 else left
