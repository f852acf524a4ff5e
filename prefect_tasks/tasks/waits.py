"""Waiting for jobs, blocking or awaiting, in the run's process or with the run suspended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect.cache_policies import NO_CACHE

from datalake_ops.arguments import OnEmpty
from prefect_tasks.blocks import DatalakeCredentials, aload_credentials, load_credentials
from prefect_tasks.runs.datalake_task import datalake_task
from prefect_tasks.runs.retry_policy import ASYNC_RETRYING, RETRYING
from prefect_tasks.runs.run_names import run_name
from prefect_tasks.runs.wait_options import OnStop, Seconds, WaitMode
from prefect_tasks.waits.polling import JobPoller
from prefect_tasks.waits.status_log import seconds_left
from prefect_tasks.waits.suspension import JobWaitTask, job_id, job_ids, refuse_to_suspend

# A wait polls each time: what it saw before a run was resumed or retried tells nothing.
WAITING: dict[str, Any] = {"kind": JobWaitTask, "cache_policy": NO_CACHE}


@datalake_task(chooses=["job"], task_run_name="wait_for_job {job}", **WAITING, **RETRYING)
def wait_for_job(
    credentials: DatalakeCredentials | str,
    job: str,
    timeout: Seconds | None = 3600.0,
    poll_interval: Seconds | None = None,
    on_stop: OnStop | None = None,
    wait: WaitMode = "auto",
    on_empty: OnEmpty = "skip",
) -> dict[str, Any]:
    """Wait until a job of the platform has ended, and return its summary.

    A run that is cancelled, times out or crashes cancels its job, within seconds, also from a submitted wait.

    Args:
        credentials: a block, or the name of a saved one.
        job: id of the job.
        timeout: seconds to wait in all, or a timedelta, retries of this task and suspensions included; None waits for
            ever.
        poll_interval: seconds between polls; by default they grow with the time waited, from 0.25 s to 10 s.
        on_stop: what becomes of the job when the wait is stopped (cancelled, too late): `"cancel"` or `"leave"`; by
            default what its launch said.
        wait: `"poll"` waits in the run's process. `"suspend"` suspends the run, so that its process ends, and the job
            watcher resumes it when the job has ended. `"auto"` polls for a minute and then suspends the run if it can:
            it has a deployment, it keeps its results (`persist_result=True`), the block is saved, and the watcher is
            deployed. Only a wait that is called directly in a flow suspends.
        on_empty: answer to no job: "skip", "succeed" (both give None) or "fail" (NoDataError).

    Raises:
        JobFailedError, JobKilledError: the job did not succeed; the text has the reason and its last log lines.
        JobWaitTimeoutError: the timeout came first.
        ConfigurationError: an argument is not of its field, or `"suspend"` was asked for and the run cannot be
            suspended; the job is left alone.
    """
    refuse_to_suspend(wait)
    poller = JobPoller(load_credentials(credentials), (job_id(job),), poll_interval, on_stop)
    return poller.run(seconds_left(timeout))[0]


@datalake_task(empty=[], chooses=["jobs"], task_run_name=run_name("wait for", "jobs"), **WAITING, **RETRYING)
def wait_for_jobs(
    credentials: DatalakeCredentials | str,
    jobs: str | Sequence[str],
    timeout: Seconds | None = 3600.0,
    poll_interval: Seconds | None = None,
    on_stop: OnStop | None = None,
    wait: WaitMode = "auto",
    on_empty: OnEmpty = "skip",
) -> list[dict[str, Any]]:
    """Wait until several jobs have ended, and return their summaries in the order given, each job once.

    The arguments are those of `wait_for_job`; a run is suspended once for all the jobs.

    Raises:
        JobFailedError, JobKilledError: all jobs have ended, and one did not succeed.
        JobWaitTimeoutError, ConfigurationError: as `wait_for_job`.
    """
    refuse_to_suspend(wait)
    poller = JobPoller(load_credentials(credentials), job_ids("jobs", jobs), poll_interval, on_stop)
    return poller.run(seconds_left(timeout))


@datalake_task(chooses=["job"], task_run_name="await_job {job}", **WAITING, **ASYNC_RETRYING)
async def await_job(
    credentials: DatalakeCredentials | str,
    job: str,
    timeout: Seconds | None = 3600.0,
    poll_interval: Seconds | None = None,
    on_stop: OnStop | None = None,
    wait: WaitMode = "auto",
    on_empty: OnEmpty = "skip",
) -> dict[str, Any]:
    """Async form of `wait_for_job`: many may wait at once without a thread each.

    Raises:
        JobFailedError, JobKilledError, JobWaitTimeoutError, ConfigurationError: as `wait_for_job`.
    """
    refuse_to_suspend(wait)
    poller = JobPoller(await aload_credentials(credentials), (job_id(job),), poll_interval, on_stop)
    return (await poller.arun(seconds_left(timeout)))[0]


@datalake_task(empty=[], chooses=["jobs"], task_run_name=run_name("await", "jobs"), **WAITING, **ASYNC_RETRYING)
async def await_jobs(
    credentials: DatalakeCredentials | str,
    jobs: str | Sequence[str],
    timeout: Seconds | None = 3600.0,
    poll_interval: Seconds | None = None,
    on_stop: OnStop | None = None,
    wait: WaitMode = "auto",
    on_empty: OnEmpty = "skip",
) -> list[dict[str, Any]]:
    """Async form of `wait_for_jobs`.

    Raises:
        JobFailedError, JobKilledError, JobWaitTimeoutError, ConfigurationError: as `wait_for_job`.
    """
    refuse_to_suspend(wait)
    poller = JobPoller(await aload_credentials(credentials), job_ids("jobs", jobs), poll_interval, on_stop)
    return await poller.arun(seconds_left(timeout))
