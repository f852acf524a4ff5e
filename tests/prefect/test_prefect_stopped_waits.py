"""Which jobs a wait takes with it when it is stopped, and how fast."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from prefect import flow, task

from datalake_ops.errors import JobWaitTimeoutError, NetworkError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import wait_until
from datalake_ops.wire.jobs import JobStatus
from prefect_tasks import DatalakeCredentials, await_job, await_jobs, wait_for_jobs
from prefect_tasks.waits.cancellation import cancel_on_stop
from tests.prefect.job_looks import await_status

pytestmark = pytest.mark.usefixtures("prefect_api", "processings", "some_data")
SLOW = 10.0


def jobs_of(lake: DatalakeHook, data: list[str], *on_stop: str) -> list[str]:
    """Jobs that run until they are stopped, and say at their launch what becomes of them."""
    labels = [{"orchestrator": "prefect", "on_stop": word} for word in on_stop]
    jobs = [str(lake.launch_processing("patient", data, labels=each).id) for each in labels]
    wait_until("they run", lambda: all(lake.get_job(job).status is JobStatus.RUNNING for job in jobs))
    return jobs


def test_a_detached_job_that_was_not_looked_at_yet_outlives_its_wait(
    lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str]
) -> None:
    cancelled, detached = jobs_of(lake, some_data, "cancel", "detach")

    @flow
    def processed() -> None:
        wait_for_jobs(credentials, [cancelled, detached], timeout=1.0)

    with pytest.raises(JobWaitTimeoutError):
        processed()

    await_status(lake, cancelled, JobStatus.KILLED)
    assert lake.get_job(detached).status is JobStatus.RUNNING


def test_an_awaited_wait_that_is_too_late_tells_the_page_of_its_job(
    lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str]
) -> None:
    (job,) = jobs_of(lake, some_data, "cancel")

    with pytest.raises(JobWaitTimeoutError) as caught:
        asyncio.run(await_job.fn(credentials, job, timeout=0.5))

    assert caught.value.url == lake.job_url(job)


@pytest.mark.parametrize("together", [True, False], ids=["one wait", "many waits"])
def test_many_jobs_are_cancelled_side_by_side(
    platform: PlatformServer, lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str],
    together: bool,
) -> None:  # fmt: skip
    jobs = jobs_of(lake, some_data, *["cancel"] * 5)
    platform.script_fault("POST", "/kill", delay=SLOW, count=len(jobs))

    async def stopped() -> float:
        waits: Any = (
            [await_jobs.fn(credentials, jobs)] if together else [await_job.fn(credentials, job) for job in jobs]
        )
        waiting = asyncio.gather(*waits, return_exceptions=True)
        await asyncio.sleep(2.0)
        waiting.cancel()
        started = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return time.monotonic() - started

    took = asyncio.run(stopped())

    for job in jobs:
        await_status(lake, job, JobStatus.KILLED)
    # One after the other they take five times as long as one.
    assert took < 4 * SLOW


def test_a_job_is_cancelled_when_its_wait_fails_for_the_last_time() -> None:
    stops: list[int] = []
    tries: list[int] = []

    @task(retries=1)
    def waiting() -> None:
        tries.append(len(tries) + 1)
        with cancel_on_stop(lambda stop: stops.append(tries[-1])):
            raise NetworkError("The platform is away.")

    @flow(retries=1)
    def processed() -> None:
        waiting()

    with pytest.raises(NetworkError):
        processed()

    assert tries == [1, 2, 3, 4]
    assert stops == [4]
