"""Waiting for jobs, blocking or awaiting."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from prefect import task

from datalake_ops.waiting import waiter
from datalake_ops.wire.jobs import Job
from prefect_tasks.blocks import DatalakeCredentials, aload_credentials, load_credentials
from prefect_tasks.retrying import ASYNC_RETRYING, RETRYING
from prefect_tasks.waiting import ChangeLog, OnStop, cancel_job, job_summary, run_logger, seconds_left, stopping
from prefect_tasks.watching import on_poll


@task(task_run_name="wait_for_job {job}", **RETRYING)
def wait_for_job(
    credentials: DatalakeCredentials | str,
    job: str,
    timeout: float | None = 3600.0,
    poll_interval: float | None = None,
    on_stop: OnStop = "cancel",
) -> dict[str, Any]:
    """Wait until a job of the platform has ended, and return what became of it.

    Call it directly where you can: Prefect does not tell a submitted task that its flow was cancelled, so that one has
    to ask, every 5 s.

    Args:
        credentials: a block, or the name of a saved one.
        job: id of the job.
        timeout: seconds to wait in all, retries of this task included; None waits for ever.
        poll_interval: seconds between looks; by default they grow with the time waited, from 0.25 s to 10 s.
        on_stop: what becomes of the job when the wait is stopped (cancelled, too late): `"cancel"` or `"detach"`.

    Raises:
        JobFailedError, JobKilledError: the job did not succeed; the text has the reason and its last log lines.
        JobWaitTimeoutError: the timeout came first.
    """
    block, logger = load_credentials(credentials), run_logger()
    with stopping(on_stop, lambda: cancel_job(block, job, logger)), block.get_client() as hook:
        left = seconds_left(timeout)
        ended = hook.wait_for_job(job, timeout=left, poll_interval=poll_interval, on_poll=on_poll(logger))
        return job_summary(ended, hook.job_url(ended))


@task(task_run_name="await_job {job}", **ASYNC_RETRYING)
async def await_job(
    credentials: DatalakeCredentials | str,
    job: str,
    timeout: float | None = 3600.0,
    poll_interval: float | None = None,
    on_stop: OnStop = "cancel",
) -> dict[str, Any]:
    """What `wait_for_job` does, for async flows: many may wait at once without a thread each.

    Raises:
        JobFailedError, JobKilledError, JobWaitTimeoutError: as `wait_for_job`.
    """
    block, logger = await aload_credentials(credentials), run_logger()
    left = seconds_left(timeout)
    # Cancelling blocks the loop for a moment: whoever cancels an await may cancel again at the next one.
    with stopping(on_stop, lambda: cancel_job(block, job, logger)):
        ended = await waiter.await_job(
            block.connection,
            job,
            deadline_at=None if left is None else time.time() + left,
            poll_interval=poll_interval,
            on_poll=ChangeLog(logger),
        )
        return await asyncio.to_thread(_verdict, block, ended)


def _verdict(block: DatalakeCredentials, ended: Job) -> dict[str, Any]:
    with block.get_client() as hook:
        return job_summary(hook.check_job(ended), hook.job_url(ended))
