"""What the guards of a flow do by themselves, on a server without the reaper; all else is in the safety tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.objects import StateType
from prefect.deployments import run_deployment
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import PrefectServer, wait_until
from datalake_ops.wire.jobs import Job, JobStatus

pytestmark = [pytest.mark.end_to_end, pytest.mark.usefixtures("processings", "some_data")]
FLOWS = str(Path(__file__).with_name("flows_to_stop.py"))


@pytest.fixture
def environment(platform: PlatformServer, lake: DatalakeHook, tmp_path: Path) -> dict[str, str]:
    return {
        "DATALAKE_HOST": platform.url,
        "DATALAKE_API_TOKEN": platform.token,
        "DATALAKE_NAME": lake.context.datalake.name,
        "PID_FILE": str(tmp_path / "pid"),
    }


@pytest.fixture
def the_job(lake: DatalakeHook) -> Callable[[], Job | None]:
    """The one job that the run under test has started, once there is one."""
    before = {job.id for job in lake.find_jobs(labels={"orchestrator": "prefect"})}

    def look() -> Job | None:
        started = [job for job in lake.find_jobs(labels={"orchestrator": "prefect"}) if job.id not in before]
        assert len(started) < 2
        return started[0] if started else None

    return look


@pytest.fixture
def served(prefect_server: PrefectServer, environment: dict[str, str]) -> Iterator[None]:
    with temporary_settings({PREFECT_API_URL: prefect_server.api_url}):
        process = prefect_server.run([FLOWS, "serve"], "serve", environment)
        wait_until("the flows are served", lambda: deployments() >= {"guarded", "late", "sleeping"})
        yield
        prefect_server.end(process)


def deployments() -> set[str]:
    with get_client(sync_client=True) as client:
        deployed = {one.flow_id for one in client.read_deployments()}
        return {flow.name for flow in client.read_flows() if flow.id in deployed}


def state_of(run: UUID) -> StateType | None:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run).state_type


def has(job: Callable[[], Job | None], status: JobStatus) -> Callable[[], bool]:
    return lambda: (found := job()) is not None and found.status is status


@pytest.mark.usefixtures("served")
def test_a_run_that_is_cancelled_before_it_waits_leaves_no_job_when_guarded(the_job: Callable[[], Job | None]) -> None:
    run = run_deployment("sleeping/served", timeout=0)
    wait_until("the job runs", has(the_job, JobStatus.RUNNING))

    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Cancelling())

    wait_until("the job is killed", has(the_job, JobStatus.KILLED))
    wait_until("the run is cancelled", lambda: state_of(run.id) is StateType.CANCELLED)


@pytest.mark.usefixtures("served")
def test_a_run_that_times_out_before_it_waits_leaves_no_job_when_guarded(the_job: Callable[[], Job | None]) -> None:
    run = run_deployment("late/served", timeout=0)
    wait_until("the run is over", lambda: state_of(run.id) is StateType.FAILED)

    wait_until("the job is killed", has(the_job, JobStatus.KILLED))


@pytest.mark.usefixtures("served")
def test_a_run_whose_process_is_killed_leaves_no_job_when_guarded(
    the_job: Callable[[], Job | None], environment: dict[str, str]
) -> None:
    run = run_deployment("guarded/served", timeout=0)
    wait_until("the job runs", has(the_job, JobStatus.RUNNING))

    os.kill(int(Path(environment["PID_FILE"]).read_text()), signal.SIGKILL)

    wait_until("the job is killed", has(the_job, JobStatus.KILLED))
    wait_until("the run has crashed", lambda: state_of(run.id) is StateType.CRASHED)
