"""`DatalakeJob`: triggered, attached to, cancelled, from blocking and from async flows."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow

from datalake_ops.errors import JobFailedError, JobWaitTimeoutError, NoDataError
from datalake_ops.hook import DatalakeHook
from datalake_ops.wire.jobs import JobStatus
from prefect_tasks import DatalakeCredentials, DatalakeJob
from tests.prefect.job_looks import await_status

pytestmark = pytest.mark.usefixtures("prefect_api", "processings", "some_data")


def a_job(credentials: DatalakeCredentials, processing: str, **fields: Any) -> DatalakeJob:
    return DatalakeJob(credentials=credentials, processing=processing, tags=["ingested"], **{"timeout": 240, **fields})


def test_is_saved_loaded_triggered_and_waited_for(credentials: DatalakeCredentials) -> None:
    name = f"job-{uuid4().hex[:8]}"
    a_job(credentials, "thumbnails").save(name)

    @flow
    def run_job() -> dict[str, Any]:
        job: Any = DatalakeJob.load(name)
        run = job.trigger()
        run.wait_for_completion()
        result: dict[str, Any] = run.fetch_result()
        return result

    assert run_job()["status"] == "SUCCEEDED"


def test_runs_outside_a_flow_too(credentials: DatalakeCredentials) -> None:
    run = a_job(credentials, "thumbnails").trigger()

    run.wait_for_completion()

    assert run.fetch_result()["id"] == run.job_id


def test_async_flows_have_verbs_of_their_own(credentials: DatalakeCredentials) -> None:
    @flow
    async def run_job() -> dict[str, Any]:
        run = await a_job(credentials, "thumbnails").atrigger()
        await run.await_for_completion()
        return await run.afetch_result()

    assert asyncio.run(run_job())["status"] == "SUCCEEDED"


def test_a_failed_job_raises_with_its_log(credentials: DatalakeCredentials) -> None:
    @flow
    def run_job() -> None:
        a_job(credentials, "failing").trigger().wait_for_completion()

    with pytest.raises(JobFailedError, match="the lens cap was on"):
        run_job()


def test_a_failed_job_raises_with_its_log_when_awaited(credentials: DatalakeCredentials) -> None:
    @flow
    async def run_job() -> None:
        run = await a_job(credentials, "failing").atrigger()
        await run.await_for_completion()

    with pytest.raises(JobFailedError, match="the lens cap was on"):
        asyncio.run(run_job())


def test_tells_the_log_and_the_page_of_its_job(credentials: DatalakeCredentials) -> None:
    run = a_job(credentials, "failing").trigger()
    with pytest.raises(JobFailedError):
        run.wait_for_completion()

    assert run.logs() == ["opened 3 files", "the lens cap was on"]
    assert run.logs(tail=1) == asyncio.run(run.alogs(tail=1)) == ["the lens cap was on"]
    assert run.url == asyncio.run(run.aurl()) == run.fetch_result()["url"]


def test_a_launch_without_data_fails_unless_it_was_said_otherwise(
    lake: DatalakeHook, credentials: DatalakeCredentials
) -> None:
    block = a_job(credentials, "thumbnails").model_copy(update={"tags": ["nobody"]})
    before = len(lake.find_jobs())

    @flow
    def run_job() -> list[Any]:
        run = block.trigger(on_empty="skip")
        run.wait_for_completion()
        later = asyncio.run(block.model_copy(update={"on_empty": "succeed"}).atrigger())
        asyncio.run(later.await_for_completion())
        return [run.fetch_result(), run.cancel(), run.logs(), run.url, later.fetch_result()]

    assert run_job() == [{}, {}, [], "", {}]
    with pytest.raises(NoDataError):
        block.trigger()
    assert len(lake.find_jobs()) == before


@pytest.mark.parametrize(("on_stop", "word"), [("cancel", "cancel"), ("leave", "leave"), ("detach", "leave")])
def test_a_job_carries_what_becomes_of_it_when_its_run_is_stopped(
    lake: DatalakeHook, credentials: DatalakeCredentials, on_stop: str, word: str
) -> None:
    run = a_job(credentials, "patient", on_stop=on_stop).trigger()

    labels = lake.get_job(run.job_id).labels

    assert labels is not None
    assert labels["on_stop"] == word


def test_can_be_attached_to_and_cancelled(lake: DatalakeHook, credentials: DatalakeCredentials) -> None:
    block = a_job(credentials, "patient")
    started = block.trigger()

    assert block.attach(started.job_id).cancel()["status"] == "KILLED"


@pytest.mark.parametrize(("on_stop", "expected"), [("cancel", JobStatus.KILLED), ("detach", JobStatus.RUNNING)])
def test_a_wait_that_takes_too_long_cancels_the_job_unless_detached(
    lake: DatalakeHook, credentials: DatalakeCredentials, on_stop: str, expected: JobStatus
) -> None:
    run = a_job(credentials, "patient", timeout=3, on_stop=on_stop).trigger()
    await_status(lake, run.job_id, JobStatus.RUNNING)

    with pytest.raises(JobWaitTimeoutError):
        run.wait_for_completion()

    await_status(lake, run.job_id, expected)
