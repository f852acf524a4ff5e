"""Waiting for jobs, blocking or awaiting, in the run's process or with the run suspended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect.cache_policies import NO_CACHE

from prefect_tasks.blocks import DatalakeCredentials, aload_credentials, load_credentials
from prefect_tasks.runs.retry_policy import ASYNC_RETRYING, RETRYING
from prefect_tasks.runs.run_logger import OnStop, WaitMode
from prefect_tasks.runs.run_names import run_name
from prefect_tasks.waits.polling import JobPoller
from prefect_tasks.waits.status_log import seconds_left
from prefect_tasks.waits.suspension import JobWaitTask, refuse_to_suspend, several

P = ParamSpec("P")
R = TypeVar("R")


def _waiting(**options: Any) -> Callable[[Callable[P, R]], JobWaitTask[P, R]]:
    # A wait looks anew each time: what it saw before a run was resumed or retried tells nothing.
    return lambda fn: JobWaitTask(fn, cache_policy=NO_CACHE, **options)


@_waiting(task_run_name="wait_for_job {job}", **RETRYING)
def wait_for_job(
    credentials: DatalakeCredentials | str,
    job: str,
    timeout: float | None = 3600.0,
    poll_interval: float | None = None,
    on_stop: OnStop | None = None,
    wait: WaitMode = "auto",
) -> dict[str, Any]:
    """Wait until a job of the platform has ended, and return what became of it.

    A run that is cancelled, times out or crashes takes its job with it, within seconds, also from a submitted wait.

    Args:
        credentials: a block, or the name of a saved one.
        job: id of the job.
        timeout: seconds to wait in all, retries of this task and suspensions included; None waits for ever.
        poll_interval: seconds between looks; by default they grow with the time waited, from 0.25 s to 10 s.
        on_stop: what becomes of the job when the wait is stopped (cancelled, too late): `"cancel"` or `"detach"`; by
            default what its launch said.
        wait: `"poll"` waits in the run's process. `"suspend"` suspends the run, so that its process ends, and the job
            watcher resumes it when the job has ended. `"auto"` polls for a minute and then suspends the run if it can:
            it has a deployment, it keeps its results (`persist_result=True`), the block is saved, and the watcher is
            deployed. Only a wait that is called directly in a flow suspends.

    Raises:
        JobFailedError, JobKilledError: the job did not succeed; the text has the reason and its last log lines.
        JobWaitTimeoutError: the timeout came first.
        ConfigurationError: `"suspend"` was asked for, and the run cannot be suspended; the text says why.
    """
    refuse_to_suspend(wait)
    polling = JobPoller(load_credentials(credentials), several(job), poll_interval, on_stop)
    return polling.run(seconds_left(timeout))[0]


@_waiting(task_run_name=run_name("wait for", "jobs"), **RETRYING)
def wait_for_jobs(
    credentials: DatalakeCredentials | str,
    jobs: list[str],
    timeout: float | None = 3600.0,
    poll_interval: float | None = None,
    on_stop: OnStop | None = None,
    wait: WaitMode = "auto",
) -> list[dict[str, Any]]:
    """Wait until several jobs have ended, and return what became of them, in the order given.

    The arguments are those of `wait_for_job`; a run is suspended once for all the jobs.

    Raises:
        JobFailedError, JobKilledError: all jobs have ended, and one did not succeed.
        JobWaitTimeoutError, ConfigurationError: as `wait_for_job`.
    """
    refuse_to_suspend(wait)
    polling = JobPoller(load_credentials(credentials), several(jobs), poll_interval, on_stop)
    return polling.run(seconds_left(timeout))


@_waiting(task_run_name="await_job {job}", **ASYNC_RETRYING)
async def await_job(
    credentials: DatalakeCredentials | str,
    job: str,
    timeout: float | None = 3600.0,
    poll_interval: float | None = None,
    on_stop: OnStop | None = None,
    wait: WaitMode = "auto",
) -> dict[str, Any]:
    """What `wait_for_job` does, for async flows: many may wait at once without a thread each.

    Raises:
        JobFailedError, JobKilledError, JobWaitTimeoutError, ConfigurationError: as `wait_for_job`.
    """
    refuse_to_suspend(wait)
    polling = JobPoller(await aload_credentials(credentials), several(job), poll_interval, on_stop)
    return (await polling.arun(seconds_left(timeout)))[0]


@_waiting(task_run_name=run_name("await", "jobs"), **ASYNC_RETRYING)
async def await_jobs(
    credentials: DatalakeCredentials | str,
    jobs: list[str],
    timeout: float | None = 3600.0,
    poll_interval: float | None = None,
    on_stop: OnStop | None = None,
    wait: WaitMode = "auto",
) -> list[dict[str, Any]]:
    """What `wait_for_jobs` does, for async flows.

    Raises:
        JobFailedError, JobKilledError, JobWaitTimeoutError, ConfigurationError: as `wait_for_job`.
    """
    refuse_to_suspend(wait)
    polling = JobPoller(await aload_credentials(credentials), several(jobs), poll_interval, on_stop)
    return await polling.arun(seconds_left(timeout))
