"""The README's flow, to success: alone, against a real Prefect server, and served by it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect import get_client
from prefect.deployments import run_deployment

from datalake_ops.demo.photographs import SHIPPED
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import PrefectServer, prefect_environment, wait_until
from datalake_ops.testing.services import PostgresServer
from datalake_ops.wire.data import UploadStatus
from datalake_ops.wire.jobs import Job
from prefect_tasks import DatalakeCredentials
from tests.prefect.launcher import Launcher
from tests.prefect.secrets_search import assert_nothing_holds

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1200)]
EXAMPLE = Path(__file__).parents[2] / "example_dags" / "prefect" / "ingest_and_process.py"
SECONDS = 900
UPLOADED, IMPORTED = 4, 3


@dataclass(frozen=True)
class World:
    """Photographs in a folder and under a prefix of the bucket, and the empty lake that they are to go to."""

    lake: DatalakeHook
    folder: Path
    prefix: str
    jobs_before: frozenset[UUID]

    @property
    def environment(self) -> dict[str, str]:
        connection = self.lake.connection
        return {
            "DATALAKE_HOST": connection.host,
            "DATALAKE_API_TOKEN": connection.api_token,
            "DATALAKE_NAME": str(connection.datalake_name),
            "DATALAKE_FOLDER": str(self.folder),
            "DATALAKE_PREFIX": self.prefix,
        }

    def jobs(self) -> list[Job]:
        found = self.lake.find_jobs(labels={"orchestrator": "prefect"})
        return [job for job in found if job.id not in self.jobs_before]

    def assert_done(self) -> None:
        assert [str(job.status) for job in self.jobs()] == ["SUCCEEDED"] * 3
        data = self.lake.list_data(tags="demo")
        assert {one.upload_status for one in data} == {UploadStatus.DONE}
        assert all(one.width > 0 for one in data)
        sources = sorted(one.data_source.name for one in data if one.data_source)
        assert sources == ["bucket"] * IMPORTED + ["camera"] * UPLOADED
        assert self.lake.count_data() == UPLOADED + IMPORTED
        assert all(len(self.lake.list_projections(one)) == 1 for one in data)


@pytest.fixture
def world(platform: PlatformServer, lake: DatalakeHook, tmp_path: Path) -> World:
    prefix = f"camera-7/{uuid4().hex[:8]}/"
    folder, shelf = tmp_path / "photographs", platform.bucket / prefix
    photographs = sorted(SHIPPED.glob("*.jpg"))
    for place, some in ((folder, photographs[:UPLOADED]), (shelf, photographs[UPLOADED : UPLOADED + IMPORTED])):
        place.mkdir(parents=True)
        for photograph in some:
            shutil.copy(photograph, place)
        (place / "notes.txt").write_text("neither image nor video")
    before = frozenset(job.id for job in lake.find_jobs(labels={"orchestrator": "prefect"}))
    return World(lake, folder, prefix, before)


def is_served() -> bool:
    with get_client(sync_client=True) as client:
        return any(one.name == "example" for one in client.read_deployments())


def test_the_example_runs_to_success_alone(world: World, tmp_path: Path) -> None:
    (world.folder / "empty.jpg").touch()
    environment = {**prefect_environment(tmp_path / "home"), **world.environment, "DATALAKE_MAX_FAILED": "1"}

    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    world.assert_done()
    assert_nothing_holds(world.lake.connection.api_token, tmp_path / "home")


def test_the_example_runs_to_success_against_a_server(
    world: World, prefect_server: PrefectServer, launcher: Launcher, shared_postgres: PostgresServer | None
) -> None:
    process = launcher.run([str(EXAMPLE)], "example", world.environment)

    assert process.wait(SECONDS) == 0, prefect_server.log("example")
    world.assert_done()
    assert_nothing_holds(world.lake.connection.api_token, prefect_server.home, shared_postgres)


@pytest.fixture
def saved(world: World, prefect_api: None) -> str:
    """The name of a saved block, in the Prefect server."""
    name = f"lake-{uuid4().hex[:8]}"
    DatalakeCredentials.from_connection(world.lake.connection).save(name)
    return name


def test_the_example_runs_to_success_when_served(
    world: World, prefect_server: PrefectServer, saved: str, shared_postgres: PostgresServer | None
) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(EXAMPLE.parent)!r}); "
        "from ingest_and_process import ingest_and_process; ingest_and_process.serve(name='example')"
    )
    process = prefect_server.run(["-c", program], "serve-example", {"PREFECT_RUNNER_POLL_FREQUENCY": "2"})
    parameters = {"folder": str(world.folder), "prefix": world.prefix, "credentials": saved}

    wait_until("the flow is served", lambda: process.poll() is not None or is_served())
    assert process.poll() is None, prefect_server.log("serve-example")
    run = run_deployment("ingest-and-process/example", parameters=parameters, timeout=SECONDS, poll_interval=0.5)
    prefect_server.end(process)

    assert run.state is not None
    assert run.state.is_completed(), prefect_server.log("serve-example")
    world.assert_done()
    labelled = world.lake.find_jobs(labels={"flow_run_id": str(run.id)})
    assert {job.id for job in labelled} == {job.id for job in world.jobs()}
    assert_nothing_holds(world.lake.connection.api_token, prefect_server.home, shared_postgres)
