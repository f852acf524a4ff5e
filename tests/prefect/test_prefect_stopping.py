"""What the guards of a flow do by themselves, on a server without the reaper; all else is in the safety tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments import run_deployment
from prefect.states import Cancelling

from datalake_ops.demo.photographs import SHIPPED
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import PrefectServer, wait_until
from datalake_ops.wire.jobs import JobStatus
from tests.prefect.fork_server import FORKING

pytestmark = pytest.mark.end_to_end
FLOWS = str(Path(__file__).with_name("flows_to_stop.py"))


@pytest.fixture(scope="module")
def lake(platform_server: PlatformServer, processings: None) -> Iterator[DatalakeHook]:
    """A lake of the module's own, with an image; jobs that still run when the module ends are cancelled."""
    name = f"lake-{uuid4().hex[:8]}"
    platform_server.add_lake(name)
    with platform_server.hook(datalake_name=name) as hook:
        hook.upload(sorted(SHIPPED.glob("*.jpg"))[:1], tags=["ingested"])
        yield hook
        for job in hook.find_jobs(labels={"orchestrator": "prefect"}):
            if not job.status.is_terminal:
                hook.cancel_job(job)


@pytest.fixture(scope="module")
def served(
    prefect_server: PrefectServer, prefect_api: None, platform_server: PlatformServer, lake: DatalakeHook
) -> Iterator[None]:
    environment = {
        "DATALAKE_HOST": platform_server.url,
        "DATALAKE_API_TOKEN": platform_server.token,
        "DATALAKE_NAME": str(lake.context.datalake.name),
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
    }
    process = prefect_server.run([*FORKING, FLOWS], "serve-to-stop", environment)
    wait_until("the flows are served", lambda: process.poll() is not None or len(deployed("to-stop")) == 3)
    assert process.poll() is None, prefect_server.log("serve-to-stop")
    yield
    prefect_server.end(process)


@pytest.fixture(scope="module")
def late(served: None) -> FlowRun:
    """A run that has a minute and a half, which passes while the other runs are stopped."""
    return run_deployment("late/to-stop", timeout=0)  # type: ignore[return-value]


def deployed(name: str) -> list[UUID]:
    with get_client(sync_client=True) as client:
        return [one.id for one in client.read_deployments() if one.name == name]


def is_now(run: FlowRun, state: StateType) -> Callable[[], bool]:
    def look() -> bool:
        with get_client(sync_client=True) as client:
            return client.read_flow_run(run.id).state_type is state

    return look


def has_a_job(lake: DatalakeHook, run: FlowRun, status: JobStatus) -> Callable[[], bool]:
    """True when the run has started one job, which stands like this."""
    return lambda: [job.status for job in lake.find_jobs(labels={"flow_run_id": str(run.id)})] == [status]


@pytest.mark.usefixtures("late")
def test_a_run_that_is_cancelled_before_it_waits_leaves_no_job_when_guarded(lake: DatalakeHook) -> None:
    run: FlowRun = run_deployment("sleeping/to-stop", timeout=0)  # type: ignore[assignment]
    wait_until("the job runs", has_a_job(lake, run, JobStatus.RUNNING))

    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Cancelling())

    wait_until("the job is killed", has_a_job(lake, run, JobStatus.KILLED))
    wait_until("the run is cancelled", is_now(run, StateType.CANCELLED))


@pytest.mark.usefixtures("late")
def test_a_run_whose_process_is_killed_leaves_no_job_when_guarded(lake: DatalakeHook, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    run: FlowRun = run_deployment("guarded/to-stop", parameters={"pid_file": str(pid_file)}, timeout=0)  # type: ignore[assignment]
    wait_until("the job runs", has_a_job(lake, run, JobStatus.RUNNING))

    os.kill(int(pid_file.read_text()), signal.SIGKILL)

    wait_until("the job is killed", has_a_job(lake, run, JobStatus.KILLED))
    wait_until("the run has crashed", is_now(run, StateType.CRASHED))


def test_a_run_that_times_out_before_it_waits_leaves_no_job_when_guarded(late: FlowRun, lake: DatalakeHook) -> None:
    wait_until("the run is over", is_now(late, StateType.FAILED))

    wait_until("the job is killed", has_a_job(lake, late, JobStatus.KILLED))
