"""When a wait suspends its run and when it does not, told by runs of deployments in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import flow, get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.transactions import transaction

import prefect_tasks.waits.suspension
from datalake_ops.errors import ConfigurationError, JobWaitTimeoutError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.wire.jobs import JobStatus
from prefect_tasks import DatalakeCredentials, DatalakeJob, launch_processing, tag_data, wait_for_job, wait_for_jobs
from prefect_tasks.runs.run_labels import SuspensionRecord, read_run_labels, record_suspension
from prefect_tasks.safety.resumer import job_watcher
from tests.prefect.job_looks import await_status

pytestmark = pytest.mark.usefixtures("prefect_api", "processings", "some_data", "a_watcher")


@pytest.fixture
def prefect() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def a_watcher(prefect_api: None, prefect: SyncPrefectClient) -> Iterator[None]:
    """A deployment of the watcher, which nobody runs."""
    deployment = prefect.create_deployment(flow_id=prefect.create_flow(job_watcher), name="datalake")
    yield
    prefect.delete_deployment(deployment)


@pytest.fixture
def suspends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_tasks.waits.suspension, "PATIENCE_SECONDS", 0.0)


@pytest.fixture
def ordered(prefect: SyncPrefectClient) -> Callable[[Any], FlowRun]:
    """A run of a deployment of a flow, still to be done."""

    def order(of: Any) -> FlowRun:
        deployment = prefect.create_deployment(flow_id=prefect.create_flow(of), name=uuid4().hex)
        run: FlowRun = prefect.create_flow_run_from_deployment(deployment)
        return run

    return order


def done(of: Any, run: FlowRun, **parameters: Any) -> State[Any]:
    """Do the run here and return the state that it came to."""
    try:
        state: Any = run_flow(of, run, parameters, return_type="state")
    except Pause as pause:
        state = pause.state
    return state


def test_a_wait_inside_a_transaction_goes_on_in_its_process_and_undoes_nothing(
    lake: DatalakeHook, saved: str, ordered: Any, suspends_at_once: None
) -> None:
    @flow(persist_result=True)
    def processed() -> str:
        with transaction():
            tag_data(saved, tags="ingested", add="kept")
            job = launch_processing(saved, "thumbnails", tags="ingested")
            status: str = wait_for_job(saved, job)["status"]
            return status

    state = done(processed, ordered(processed))

    assert state.result() == "SUCCEEDED"
    assert lake.count_data(tags=["kept"]) == 3


def test_a_wait_inside_a_transaction_says_why_it_cannot_suspend(saved: str, ordered: Any) -> None:
    @flow(persist_result=True)
    def processed() -> None:
        with transaction():
            wait_for_job(saved, str(uuid4()), wait="suspend")

    with pytest.raises(ConfigurationError, match="would be rolled back; wait after it"):
        done(processed, ordered(processed)).result()


def test_the_environment_is_no_saved_block(ordered: Any) -> None:
    @flow(persist_result=True)
    def processed() -> None:
        wait_for_job("datalake", str(uuid4()), wait="suspend")

    with pytest.raises(ConfigurationError, match="no block is saved as 'datalake'"):
        done(processed, ordered(processed)).result()


def test_jobs_of_submitted_launches_are_waited_for_suspended(saved: str, ordered: Any) -> None:
    started: list[str] = []

    @flow(persist_result=True)
    def processed() -> None:
        launches = [launch_processing.submit(saved, "patient", tags="ingested", key=key) for key in "ab"]
        started.extend(launch.result() for launch in launches)
        wait_for_jobs(saved, launches, wait="suspend")

    run = ordered(processed)
    state = done(processed, run)

    assert state.name == "Suspended"
    waits = read_run_labels(run.id).suspended_for
    assert waits is not None
    assert list(waits.jobs) == started


@pytest.mark.parametrize("by_block", [False, True], ids=["task", "block"])
def test_a_wait_whose_time_is_short_ends_by_it_and_is_not_suspended(
    lake: DatalakeHook, saved: str, ordered: Any, by_block: bool
) -> None:
    started: list[str] = []

    @flow(persist_result=True)
    def processed() -> None:
        started.append(launch_processing(saved, "patient", tags="ingested"))
        if not by_block:
            wait_for_job(saved, started[0], timeout=2.0)
        block: Any = DatalakeCredentials.load(saved)
        DatalakeJob(credentials=block, processing="patient", timeout=2.0).attach(started[0]).wait_for_completion()

    state = done(processed, ordered(processed))

    assert state.name == "TimedOut"
    with pytest.raises(JobWaitTimeoutError, match="had not ended when the time to wait for it was over"):
        state.result()
    await_status(lake, started[0], JobStatus.KILLED)


def test_a_run_that_is_resumed_late_finds_what_ended_in_time_though_a_look_fails(
    platform: PlatformServer, lake: DatalakeHook, saved: str, some_data: list[str], ordered: Any
) -> None:
    job = str(lake.launch_processing("thumbnails", some_data).id)
    lake.wait_for_job(job)
    fault = platform.script_fault("GET", "/api/v2/job/", status=502, count=2)

    @flow(persist_result=True)
    def processed() -> str:
        status: str = wait_for_job(saved, job)["status"]
        return status

    run = ordered(processed)
    over(run.id, saved, job)

    assert done(processed, run).result() == "SUCCEEDED"
    assert platform.faults_met(fault) == 2


def over(run: UUID, credentials: str, job: str) -> None:
    """Note what a run notes in its first try, which begins when it is done."""
    record_suspension(run, SuspensionRecord(credentials, (job,), time.time() - 1))
    with get_client(sync_client=True) as client:
        client.update_flow_run_labels(run, {f"datalake.deadline_at.1.{job}": time.time() - 1})
