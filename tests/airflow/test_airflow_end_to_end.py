"""A real Airflow of four processes drives a real platform; tasks are disturbed, and the platform is the witness.

Nearly every run is started before the first test, so that their waits overlap. A test then does what
a user, a kill or a mishap does, and counts the jobs: one for each generation of the task, and none left running.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.airflow import CONNECTION_VARIABLE, AirflowServer, airflow_connection
from datalake_ops.testing.airflow_server import COMPONENTS
from datalake_ops.testing.server import PlatformServer
from datalake_ops.testing.services import PostgresServer
from datalake_ops.wire.jobs import JobStatus
from tests.airflow.runs import SCENES, Run, looks_in, trigger_arguments, wait_until_deferred

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1800)]

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "example_dags" / "airflow"
EXAMPLE_DAGS = ("ingest_and_process", "wait_for_data")
LAKE, LOSSY_LAKE = "end-to-end", "lossy"
RUNNING, SUCCEEDED, FAILED, KILLED = JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.KILLED
OUTAGE_SECONDS = 60
MAPPED = 40


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DAGs of these tests alone: each further file is a process of the DAG processor."""
    folder = tmp_path_factory.mktemp("dags")
    for path in (HERE / "dags" / "scenes.py", *(EXAMPLES / f"{name}.py" for name in EXAMPLE_DAGS)):
        (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the secrets backend of this Airflow."""
    return tmp_path_factory.mktemp("vault")


@pytest.fixture(scope="module")
def airflow_server(
    platform_server: PlatformServer, dags: Path, database: dict[str, str], vault: Path
) -> Iterator[AirflowServer]:
    platform_server.add_lake(LAKE)
    (vault / "datalake_vault.json").write_text(airflow_connection(platform_server, datalake_name=LAKE))
    environment = {
        **database,
        CONNECTION_VARIABLE: airflow_connection(platform_server, datalake_name=LAKE),
        "AIRFLOW_CONN_DATALAKE_LOSSY": airflow_connection(platform_server, datalake_name=LOSSY_LAKE),
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__SECRETS__BACKEND": "tests.airflow.vault.Vault",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"folder": str(vault)}),
    }
    with AirflowServer(dags, environment) as server:
        yield server


@pytest.fixture(scope="module")
def lake(platform_server: PlatformServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatalakeHook]:
    """The lake that this Airflow works in, with one photograph tagged `demo`."""
    path = tmp_path_factory.mktemp("photos") / "first.png"
    Image.effect_noise((320, 240), 90).save(path)
    with platform_server.hook(datalake_name=LAKE) as hook:
        hook.upload_data(path, tags=["demo"])
        yield hook


@pytest.fixture(scope="module")
def lost_answers(platform_server: PlatformServer, lake: DatalakeHook) -> str:
    """A second lake where the answer to the first launch is lost; the id of the fault."""
    lossy = platform_server.add_lake(LOSSY_LAKE)
    with platform_server.hook(datalake_name=LOSSY_LAKE) as hook:
        path = platform_server.home / "lossy.png"
        Image.effect_noise((320, 240), 90).save(path)
        hook.upload_data(path, tags=["demo"])
    return platform_server.script_fault("POST", f"{lossy}/processing/launch$", drop=True)


Start = Callable[..., Run]


@pytest.fixture(scope="module")
def start(airflow_server: AirflowServer, lake: DatalakeHook) -> Iterator[Start]:
    """Starts runs; jobs that a test leaves behind are cancelled."""
    runs: list[Run] = []

    def started(dag_id: str, processing: str | None = None, **conf: Any) -> Run:
        runs.append(Run(airflow_server, lake, dag_id, {"processing": processing, **conf} if processing else conf))
        return runs[-1]

    yield started
    for one in runs:
        for job in one.jobs():
            lake.cancel_job(job)


@pytest.fixture(scope="module")
def scenes(start: Start, lost_answers: str) -> dict[str, Run]:
    """The runs of `SCENES`, all under way."""
    return {name: start(dag_id, processing) for name, (dag_id, processing) in SCENES.items()}


def test_a_triggerer_that_dies_loses_and_doubles_nothing(scenes: dict[str, Run], airflow_server: AirflowServer) -> None:
    surviving = scenes["surviving"]
    surviving.wait_for_trigger()

    airflow_server.kill("triggerer")
    airflow_server.start("triggerer")
    surviving.wait_for_trigger()

    # It ends well when its job does, in a later test.
    surviving.wait_for_jobs(RUNNING)
    assert surviving.state() == "deferred"


def test_a_triggerer_that_starts_while_the_secrets_backend_fails_ends_no_wait(
    scenes: dict[str, Run], airflow_server: AirflowServer, vault: Path
) -> None:
    scene = scenes["behind the vault"]
    scene.wait_for_trigger()

    airflow_server.kill("triggerer")
    (vault / "sealed").touch()
    airflow_server.start("triggerer")
    scene.wait_for_log("cannot be looked up")
    (vault / "sealed").unlink()

    # It ends well when its job does, in a later test.
    scene.wait_for_trigger()
    scene.wait_for_jobs(RUNNING)
    assert scene.state() == "deferred"


def test_a_worker_that_is_killed_leaves_its_job_to_the_retry(scenes: dict[str, Run]) -> None:
    scene = scenes["worker killed"]
    scene.wait_for_jobs(RUNNING)
    task = f"/dags/{scene.dag_id}/dagRuns/{scene.run_id}/taskInstances/job"

    os.kill(scene.server.api("GET", task)["pid"], signal.SIGKILL)

    scene.wait_for_log("was started by an earlier try;")
    scene.wait_for_jobs(RUNNING)


def test_the_log_and_the_link_of_a_job_are_there_while_its_task_is_deferred(scenes: dict[str, Run]) -> None:
    scene = scenes["surviving"]
    scene.wait_for_log("| opened 3 files")

    links = scene.server.api("GET", f"/dags/{scene.dag_id}/dagRuns/{scene.run_id}/taskInstances/job/links")

    assert scene.state() == "deferred"
    assert links["extra_links"]["Job on the platform"] == scene.lake.job_url(scene.jobs()[0])
    assert links["extra_links"]["Datalake"] == scene.lake.datalake_url('tags.name in ("demo")')


@pytest.mark.parametrize(("name", "state"), [("marked failed", "failed"), ("marked success", "success")])
def test_marking_a_deferred_task_cancels_its_job(scenes: dict[str, Run], name: str, state: str) -> None:
    scene = scenes[name]
    scene.wait_for_trigger()
    scene.wait_for_jobs(RUNNING)

    scene.mark(state)

    scene.wait_for_jobs(KILLED)
    assert scene.state() == state


def test_a_job_that_is_to_be_left_goes_on_when_its_task_is_marked(scenes: dict[str, Run]) -> None:
    scene = scenes["left"]
    scene.wait_for_trigger()
    scene.wait_for_jobs(RUNNING)

    scene.mark("failed")

    scene.wait_for_log("trigger completed")
    scene.wait_for_jobs(RUNNING)
    scene.lake.cancel_job(scene.jobs()[0])


@contextmanager
def no_triggerer(server: AirflowServer) -> Iterator[None]:
    """As long as no triggerer is up, a deferral's trigger does not begin; the triggers of others end, too."""
    server.kill("triggerer")
    try:
        yield
    finally:
        server.start("triggerer")


@pytest.mark.parametrize("state", ["failed", "success"])
def test_marking_a_task_before_any_trigger_waits_for_its_job_cancels_it(
    start: Start, airflow_server: AirflowServer, state: str
) -> None:
    with no_triggerer(airflow_server):
        scene = start("scene_deferred", "patient")
        scene.wait_for_state("deferred")

        scene.mark(state)

        scene.wait_for_jobs(KILLED)
        assert scene.state() == state


def test_clearing_a_task_before_any_trigger_waits_for_its_job_replaces_it(
    start: Start, airflow_server: AirflowServer
) -> None:
    with no_triggerer(airflow_server):
        scene = start("scene_deferred", "patient")
        scene.wait_for_state("deferred")

        scene.clear()

        scene.wait_for_jobs(KILLED, RUNNING)
    scene.wait_for_trigger()
    scene.mark("failed")
    scene.wait_for_jobs(KILLED, KILLED)


def test_clearing_a_deferred_task_replaces_its_job_by_one(scenes: dict[str, Run]) -> None:
    scene = scenes["cleared"]
    scene.wait_for_trigger()
    scene.wait_for_jobs(RUNNING)

    scene.clear()

    scene.wait_for_jobs(KILLED, RUNNING)
    scene.wait_for_trigger()
    scene.mark("failed")
    scene.wait_for_jobs(KILLED, KILLED)


def test_marking_a_task_that_waits_on_its_worker_cancels_its_job(scenes: dict[str, Run]) -> None:
    scene = scenes["failed on its worker"]
    scene.wait_for_jobs(RUNNING)

    scene.mark("failed")

    scene.wait_for_jobs(KILLED)
    assert scene.state() == "failed"


def test_clearing_a_task_that_waits_on_its_worker_replaces_its_job_by_one(scenes: dict[str, Run]) -> None:
    scene = scenes["cleared on its worker"]
    scene.wait_for_jobs(RUNNING)

    scene.clear()

    scene.wait_for_jobs(KILLED, RUNNING)
    scene.mark("failed")
    scene.wait_for_jobs(KILLED, KILLED)


def test_a_job_killed_at_the_platform_fails_its_task(scenes: dict[str, Run]) -> None:
    scene = scenes["killed at the platform"]
    scene.wait_for_trigger()

    scene.lake.cancel_job(scene.jobs()[0])

    assert scene.wait() == "failed"
    scene.wait_for_jobs(KILLED)
    scene.wait_for_log("JobKilledError")


def test_a_job_that_fails_fails_its_task_with_its_last_words(scenes: dict[str, Run], programs_folder: Path) -> None:
    scene = scenes["failing"]
    scene.wait_for_scheduler()

    (programs_folder / "held-failing").touch()

    assert scene.wait() == "failed"
    scene.wait_for_jobs(FAILED)
    scene.wait_for_log("JobFailedError")
    assert "the lens cap was on" in scene.log()


@pytest.mark.parametrize(("name", "error"), [("overdue", "AirflowTaskTimeout"), ("late", "JobWaitTimeoutError")])
def test_a_deferred_task_that_fails_by_itself_cancels_its_job(scenes: dict[str, Run], name: str, error: str) -> None:
    scene = scenes[name]

    assert scene.wait() == "failed"
    scene.wait_for_jobs(KILLED)
    scene.wait_for_log(error)


def test_a_lost_answer_to_the_launch_starts_no_second_job(
    scenes: dict[str, Run], lost_answers: str, platform_server: PlatformServer, programs_folder: Path
) -> None:
    scene = scenes["lost answer"]
    scene.wait_for_scheduler()

    (programs_folder / "held").touch()

    assert scene.wait() == "success"
    scene.wait_for_jobs(SUCCEEDED)
    assert platform_server.faults_met(lost_answers) == 1
    assert scene.server.xcom(scene.dag_id, scene.run_id, "job") == str(scene.jobs()[0].id)


def test_the_deferrable_example_runs_to_success(
    start: Start,
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

    example = start("ingest_and_process", folder=str(tmp_path), prefix="end-to-end/")

    assert example.wait() == "success"
    assert [job.status for job in example.jobs()] == [SUCCEEDED] * 3
    assert lake.count_data(tags="demo") == before + 4
    assert "blurred.png" in {data.filename for data in lake.list_data(tags=["demo", "blurred"], intersect_tags=True)}
    assert all(lake.list_projections(data) for data in lake.list_data(tags="demo"))


@pytest.mark.timeout(5400)
def test_an_outage_of_a_minute_costs_none_of_many_mapped_tasks_its_job(
    start: Start, platform_server: PlatformServer, programs_folder: Path
) -> None:
    mapped, blocking = start("scene_mapped", "gated"), start("scene_blocking", "gated")
    wait_until_deferred(mapped, MAPPED)
    blocking.wait_for_jobs(RUNNING)
    looks, seconds = looks_in(10.0, platform_server)
    assert looks <= 1.6 * seconds  # Forty waits that poll every 5 s share their requests; others wait on workers.
    assert_secret_free(trigger_arguments(mapped.server), platform_server)

    platform_server.kill()
    time.sleep(OUTAGE_SECONDS)
    platform_server.start()
    (programs_folder / "gate").touch()

    assert [mapped.wait(1800), blocking.wait()] == ["success"] * 2
    assert [job.status for job in mapped.jobs()] == [SUCCEEDED] * MAPPED
    assert len({job.labels["map_index"] for job in mapped.jobs() if job.labels}) == MAPPED
    blocking.wait_for_jobs(SUCCEEDED)


def assert_secret_free(arguments: list[str], platform: PlatformServer) -> None:
    assert len(arguments) >= MAPPED
    assert [text for text in arguments if platform.token in text or platform.url in text] == []


def test_waits_that_lost_their_triggerer_or_worker_end_with_their_jobs(
    scenes: dict[str, Run], programs_folder: Path
) -> None:
    waiting = [scenes["surviving"], scenes["behind the vault"], scenes["worker killed"]]

    (programs_folder / "gate").touch()

    assert [one.wait() for one in waiting] == ["success"] * 3
    for one in waiting:
        one.wait_for_jobs(SUCCEEDED)


def test_data_that_arrive_end_every_way_of_waiting_for_them(start: Start, lake: DatalakeHook, tmp_path: Path) -> None:
    waiting = start("wait_for_data", batch="awaited", count=2)
    waiting.wait_for_scheduler("defer")
    waiting.server.wait_for_trigger("wait_for_data", waiting.run_id, "defer")
    waiting.server.wait_for_task("wait_for_data", waiting.run_id, "reschedule", "up_for_reschedule")
    for name in ("one.png", "two.png"):
        Image.effect_noise((320, 240), 90).save(tmp_path / name)
        lake.upload_data(tmp_path / name, tags=["awaited"])

    assert waiting.wait() == "success"
    found = {waiting.server.xcom("wait_for_data", waiting.run_id, way) for way in ("poke", "reschedule", "defer")}
    assert found in ({"2"}, {2})
    assert lake.count_data(tags=["awaited", "complete"], intersect_tags=True) == 2


# Airflow keeps the id of a trigger that it cannot load as one that runs, until the triggerer ends. SQLite gives the id
# to a later trigger, which then never begins: so nothing may be deferred after this.
def test_a_trigger_that_cannot_be_loaded_cancels_its_job(start: Start, airflow_server: AirflowServer) -> None:
    # It fails at once, so the scheduler has to know before that the task left its worker.
    with no_triggerer(airflow_server):
        scene = start("scene_astray", "patient")
        scene.wait_for_scheduler()

    assert scene.wait() == "failed"
    scene.wait_for_jobs(KILLED)
    scene.wait_for_log("TaskDeferralError")


def test_no_job_is_left_running(lake: DatalakeHook) -> None:
    assert [job for job in lake.find_jobs(labels={"orchestrator": "airflow"}) if not job.status.is_terminal] == []


def test_a_lake_that_nobody_listens_to_is_no_error_in_any_log(airflow_server: AirflowServer) -> None:
    # The supervisors of tasks log there; the example has uploaded and imported.
    assert "Asset not found" not in airflow_server.log("scheduler")


def test_the_token_is_in_no_log_and_not_in_the_database(
    airflow_server: AirflowServer, platform_server: PlatformServer, postgres: PostgresServer | None
) -> None:
    files = [path for path in airflow_server.home.rglob("*") if path.is_file()]

    if postgres is None:
        assert any(path.name == "airflow.db" for path in files)
    else:
        dump = postgres.dump()
        assert "COPY public.task_instance " in dump
        assert platform_server.token not in dump
    assert any("logs" in path.parts for path in files)
    assert [name for name in COMPONENTS if "empty cryptography key" in airflow_server.log(name)] == []
    assert [path for path in files if platform_server.token.encode() in content(path)] == []


def content(path: Path) -> bytes:
    """What a file holds; nothing when this Airflow has removed it meanwhile."""
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""
