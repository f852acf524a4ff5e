"""Waiting for jobs, blocking or awaiting."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import task

from prefect_tasks.blocks import DatalakeCredentials, aload_credentials, load_credentials
from prefect_tasks.retrying import ASYNC_RETRYING, RETRYING
from prefect_tasks.waiting import OnStop, job_summary, run_logger, seconds_left
from prefect_tasks.watching import JobWatch


@task(task_run_name="wait_for_job {job}", **RETRYING)
def wait_for_job(
    credentials: DatalakeCredentials | str,
    job: str,
    timeout: float | None = 3600.0,
    poll_interval: float | None = None,
    on_stop: OnStop | None = None,
) -> dict[str, Any]:
    """Wait until a job of the platform has ended, and return what became of it.

    A run that is cancelled, times out or crashes takes its job with it, within seconds, also from a submitted wait.

    Args:
        credentials: a block, or the name of a saved one.
        job: id of the job.
        timeout: seconds to wait in all, retries of this task included; None waits for ever.
        poll_interval: seconds between looks; by default they grow with the time waited, from 0.25 s to 10 s.
        on_stop: what becomes of the job when the wait is stopped (cancelled, too late): `"cancel"` or `"detach"`; by
            default what its launch said.

    Raises:
        JobFailedError, JobKilledError: the job did not succeed; the text has the reason and its last log lines.
        JobWaitTimeoutError: the timeout came first.
    """
    block = load_credentials(credentials)
    watch = JobWatch(block, job, on_stop, run_logger())
    with watch.stopping(), block.get_client() as hook:
        left = seconds_left(timeout)
        ended = hook.wait_for_job(job, left, poll_interval, watch.on_poll, rest=watch.rest)
        return job_summary(ended, hook.job_url(ended))


@task(task_run_name="await_job {job}", **ASYNC_RETRYING)
async def await_job(
    credentials: DatalakeCredentials | str,
    job: str,
    timeout: float | None = 3600.0,
    poll_interval: float | None = None,
    on_stop: OnStop | None = None,
) -> dict[str, Any]:
    """What `wait_for_job` does, for async flows: many may wait at once without a thread each.

    Raises:
        JobFailedError, JobKilledError, JobWaitTimeoutError: as `wait_for_job`.
    """
    block = await aload_credentials(credentials)
    watch = await asyncio.to_thread(JobWatch, block, job, on_stop, run_logger())
    left = seconds_left(timeout)
    # Cancelling blocks the loop for a moment: whoever cancels an await may cancel again at the next one.
    with watch.stopping():
        async with await block.aget_client() as hook:
            ended = await hook.wait_for_job(job, left, poll_interval, watch.on_poll, rest=watch.arest)
            return job_summary(ended, await hook.job_url(ended))
