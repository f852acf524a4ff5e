"""A real Airflow of four processes drives a real platform, and the platform is the witness."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.airflow import CONNECTION_VARIABLE, AirflowServer, airflow_connection
from datalake_ops.testing.server import PlatformServer
from datalake_ops.wire.jobs import Job, JobStatus

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(600)]
LAKE = "end-to-end"


@pytest.fixture(scope="module")
def airflow_server(platform_server: PlatformServer, dags_folder: Path) -> Iterator[AirflowServer]:
    platform_server.add_lake(LAKE)
    environment = {CONNECTION_VARIABLE: airflow_connection(platform_server, datalake_name=LAKE)}
    with AirflowServer(dags_folder, environment) as server:
        yield server


@pytest.fixture(scope="module")
def lake(platform_server: PlatformServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatalakeHook]:
    """The lake that this Airflow works in, with one photograph tagged `demo`."""
    path = tmp_path_factory.mktemp("photos") / "first.png"
    Image.effect_noise((320, 240), 90).save(path)
    with platform_server.hook(datalake_name=LAKE) as hook:
        hook.upload_data(path, tags=["demo"])
        yield hook


class Run:
    """A run of a DAG and the jobs it started."""

    def __init__(self, server: AirflowServer, lake: DatalakeHook, dag_id: str, conf: dict[str, Any]) -> None:
        self.server, self.lake, self.dag_id = server, lake, dag_id
        self.run_id = server.trigger(dag_id, conf)

    def wait(self) -> str:
        return self.server.wait(self.dag_id, self.run_id)

    def wait_for_state(self, state: str) -> None:
        if state == "deferred":
            self.server.wait_for_trigger(self.dag_id, self.run_id, "job")
        else:
            self.server.wait_for_task(self.dag_id, self.run_id, "job", state)

    def jobs(self) -> list[Job]:
        return self.lake.find_jobs(labels={"run_id": self.run_id})

    def wait_for_jobs(self, expected: list[JobStatus]) -> None:
        """Wait until the run's jobs, oldest first, are in these states."""
        deadline = time.monotonic() + 60
        while [job.status for job in self.jobs()[::-1]] != expected:
            assert time.monotonic() < deadline, self.jobs()
            time.sleep(0.2)

    def log(self) -> str:
        return self.server.task_log(self.dag_id, self.run_id, "job")


@pytest.fixture
def run(airflow_server: AirflowServer, lake: DatalakeHook) -> Iterator[Callable[..., Run]]:
    """Starts runs; jobs that a test leaves behind are cancelled."""
    runs: list[Run] = []

    def start(dag_id: str, processing: str | None = None, **conf: Any) -> Run:
        runs.append(Run(airflow_server, lake, dag_id, {"processing": processing, **conf} if processing else conf))
        return runs[-1]

    yield start
    for one in runs:
        for job in one.jobs():
            lake.cancel_job(job)


def test_the_deferrable_example_runs_to_success(
    run: Callable[..., Run],
    lake: DatalakeHook,
    platform_server: PlatformServer,
    a_blurred_photograph: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    before = lake.count_data(tags="demo")
    for name in ("a.jpg", "b.jpg"):
        Image.effect_noise((640, 480), 90).save(tmp_path / name)
    a_blurred_photograph("blurred.png")
    incoming = platform_server.bucket / "end-to-end"
    incoming.mkdir()
    shutil.copy(tmp_path / "a.jpg", incoming / "c.jpg")

    example = run("ingest_and_process", folder=str(tmp_path), prefix="end-to-end/")

    assert example.wait() == "success"
    assert [job.status for job in example.jobs()] == [JobStatus.SUCCEEDED] * 3
    assert lake.count_data(tags="demo") == before + 4
    assert "blurred.png" in {data.filename for data in lake.list_data(tags=["demo", "blurred"], intersect_tags=True)}
    assert all(lake.list_projections(data) for data in lake.list_data(tags="demo"))


def test_a_job_that_takes_its_time_is_waited_for_in_the_triggerer(run: Callable[..., Run]) -> None:
    slow = run("deferred", "slow")

    slow.wait_for_state("deferred")
    assert slow.wait() == "success"
    [job] = slow.jobs()
    assert slow.server.xcom("deferred", slow.run_id, "job") == str(job.id)


def test_deferred_mapped_tasks_have_one_job_each(run: Callable[..., Run]) -> None:
    mapped = run("mapped", "slow")

    assert mapped.wait() == "success"
    assert [job.status for job in mapped.jobs()] == [JobStatus.SUCCEEDED] * 3


def test_a_job_that_fails_while_its_task_is_deferred_fails_the_task_with_its_last_words(
    run: Callable[..., Run],
) -> None:
    failing = run("deferred", "late-failing")

    failing.wait_for_state("deferred")
    assert failing.wait() == "failed"
    assert [job.status for job in failing.jobs()] == [JobStatus.FAILED]
    assert "JobFailedError" in failing.log()
    assert "the lens cap was on" in failing.log()


def test_a_job_killed_at_the_platform_fails_its_task(run: Callable[..., Run], lake: DatalakeHook) -> None:
    killed = run("deferred", "patient")
    killed.wait_for_state("deferred")

    lake.cancel_job(killed.jobs()[0])

    assert killed.wait() == "failed"
    assert "JobKilledError" in killed.log()


def test_the_link_to_the_job_is_there_while_the_task_waits(run: Callable[..., Run], lake: DatalakeHook) -> None:
    waiting = run("deferred", "patient")
    waiting.wait_for_state("deferred")

    links = waiting.server.api("GET", f"/dags/deferred/dagRuns/{waiting.run_id}/taskInstances/job/links")

    assert links["extra_links"]["Job on the platform"] == lake.job_url(waiting.jobs()[0])


@pytest.mark.parametrize(("dag_id", "state"), [("deferred", "deferred"), ("blocking", "running")])
def test_marking_a_waiting_task_as_failed_cancels_its_job(run: Callable[..., Run], dag_id: str, state: str) -> None:
    waiting = run(dag_id, "patient")
    waiting.wait_for_state(state)
    waiting.wait_for_jobs([JobStatus.RUNNING])

    waiting.server.set_task_state(dag_id, waiting.run_id, "job", "failed")

    waiting.wait_for_jobs([JobStatus.KILLED])


def test_clearing_a_deferred_task_replaces_its_job(run: Callable[..., Run]) -> None:
    cleared = run("deferred", "patient")
    cleared.wait_for_state("deferred")
    cleared.wait_for_jobs([JobStatus.RUNNING])

    cleared.server.clear("deferred", cleared.run_id, "job")

    cleared.wait_for_jobs([JobStatus.KILLED, JobStatus.RUNNING])
    cleared.wait_for_state("deferred")


def test_a_triggerer_that_dies_loses_and_doubles_nothing(run: Callable[..., Run]) -> None:
    surviving = run("deferred", "slow")
    surviving.wait_for_state("deferred")

    surviving.server.kill("triggerer")
    surviving.server.start("triggerer")

    assert surviving.wait() == "success"
    assert [job.status for job in surviving.jobs()] == [JobStatus.SUCCEEDED]


def test_the_token_is_in_no_log_and_not_in_the_database(
    airflow_server: AirflowServer, platform_server: PlatformServer
) -> None:
    files = [path for path in airflow_server.home.rglob("*") if path.is_file()]

    assert any(path.name == "airflow.db" for path in files)
    assert any("logs" in path.parts for path in files)
    assert [path for path in files if platform_server.token.encode() in path.read_bytes()] == []
