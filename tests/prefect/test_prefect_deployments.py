"""Every flow of the package, deployed for real: served by one process, and by `prefect.yaml` to a process pool."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.states import Cancelling

from datalake_ops.demo.photographs import SHIPPED
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import PrefectServer, wait_until
from datalake_ops.testing.services import PostgresServer
from prefect_tasks import DatalakeCredentials
from tests.prefect.fork_server import FORKING
from tests.prefect.launcher import Launcher
from tests.prefect.secrets_search import assert_nothing_holds

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1500)]
EXAMPLES = Path(__file__).parents[2] / "example_dags" / "prefect"
SECONDS = 600.0
# A process that is spawned for a run imports the program anew.
SERVE_ONE = """
from prefect_tasks import ingest_folder

if __name__ == "__main__":
    ingest_folder.serve(name="stopping")
"""
POLLING = {"PREFECT_RUNNER_POLL_FREQUENCY": "2", "PREFECT_WORKER_QUERY_SECONDS": "2"}
FLOWS = ("ingest-folder", "ingest-bucket", "process-and-wait", "ingest-and-process", "sync-bucket")


@dataclass(frozen=True)
class World:
    """A saved block for an empty lake, a folder of two photographs, and two prefixes of the bucket with one each."""

    lake: DatalakeHook
    block: str
    folder: Path
    prefixes: tuple[str, str]

    def parameters(self) -> dict[str, dict[str, Any]]:
        """What each flow is run with; all of them may run at once."""
        first, second = self.prefixes
        return {
            "ingest-folder": {"folder": str(self.folder), "tags": "bulk", "max_files": 1},
            "ingest-bucket": {"prefix": first, "tags": "imported"},
            "process-and-wait": {"processing": "thumbnails", "tags": "known"},
            "ingest-and-process": {"folder": str(self.folder), "tag": "piped", "processings": ["quality-tagging"]},
            "sync-bucket": {"prefix": second, "tags": "synced"},
        }

    def assert_done(self) -> None:
        counts = {tag: self.lake.count_data(tags=tag) for tag in ("bulk", "imported", "piped", "synced")}
        assert counts["imported"] == counts["synced"] == 1
        # Both upload the same folder: whichever came second found the files there, and put its tag on them.
        assert counts["bulk"] == counts["piped"] == 2
        assert self.lake.count_data() == 5
        (known,) = self.lake.list_data(tags="known")
        assert len(self.lake.list_projections(known)) == 1


@pytest.fixture
def world(prefect_api: None, platform: PlatformServer, lake: DatalakeHook, tmp_path: Path) -> World:
    photographs = sorted(SHIPPED.glob("*.jpg"))
    folder = tmp_path / "photographs"
    prefixes = (f"{uuid4().hex[:8]}/", f"{uuid4().hex[:8]}/")
    places = (folder, folder, *(platform.bucket / prefix for prefix in prefixes))
    for place, photograph in zip(places, photographs, strict=False):
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(photograph, place)
    lake.upload([photographs[4]], tags=["known"])
    name = f"lake-{uuid4().hex[:8]}"
    DatalakeCredentials.from_connection(lake.connection).save(name)
    return World(lake, name, folder, prefixes)


def run_all(deployment: str, world: World) -> dict[str, FlowRun]:
    """Run every flow at the same time, and wait until all have ended."""
    runs = {}
    for flow, parameters in world.parameters().items():
        told = {**parameters, "credentials": world.block}
        runs[flow] = run_deployment(f"{flow}/{deployment}", parameters=told, timeout=0)
    deadline = time.monotonic() + SECONDS
    with get_client(sync_client=True) as client:
        while not all(run.state and run.state.is_final() for run in runs.values()):
            assert time.monotonic() < deadline, {flow: run.state_name for flow, run in runs.items()}
            time.sleep(0.5)
            runs = {flow: client.read_flow_run(run.id) for flow, run in runs.items()}
    return runs


def is_over(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


def deployed(name: str) -> set[str]:
    """The flows that have a deployment of this name."""
    with get_client(sync_client=True) as client:
        flows = {flow.id: flow.name for flow in client.read_flows()}
        return {flows[one.flow_id] for one in client.read_deployments() if one.name == name}


def test_every_flow_runs_when_served(
    world: World, prefect_server: PrefectServer, shared_postgres: PostgresServer | None
) -> None:
    environment = {"DATALAKE_PREFIX": "no-such/", **POLLING}
    process = prefect_server.run([*FORKING, str(EXAMPLES / "serve_flows.py")], "serve-flows", environment)
    wait_until("the flows are served", lambda: process.poll() is not None or deployed("served") >= set(FLOWS))
    assert process.poll() is None, prefect_server.log("serve-flows")

    runs = run_all("served", world)
    prefect_server.end(process)

    assert {flow: run.state_name for flow, run in runs.items()} == dict.fromkeys(FLOWS, "Completed"), (
        prefect_server.log("serve-flows")[-4000:]
    )
    world.assert_done()
    assert_nothing_holds(world.lake.connection.api_token, prefect_server.home, shared_postgres)


def test_every_flow_of_prefect_yaml_runs_in_a_process_pool(
    world: World, prefect_server: PrefectServer, launcher: Launcher
) -> None:
    prefect, file = ["-m", "prefect", "--no-prompt"], str(EXAMPLES / "prefect.yaml")
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="lake", type="process"))
    words = ["worker", "start", "--pool", "lake", "--limit", "4"]
    worker = prefect_server.run([*FORKING, *prefect, *words], "worker", POLLING)
    deploying = launcher.run([*prefect, "deploy", "--all", "--prefect-file", file], "deploy")
    assert deploying.wait(SECONDS) == 0, prefect_server.log("deploy")
    assert deployed("lake") == set(FLOWS)

    runs = run_all("lake", world)
    prefect_server.end(worker)

    assert {flow: run.state_name for flow, run in runs.items()} == dict.fromkeys(FLOWS, "Completed"), (
        prefect_server.log("worker")[-4000:]
    )
    world.assert_done()


def test_a_cancelled_upload_stops_its_shards_before_prefect_kills_it(
    world: World, prefect_server: PrefectServer, platform: PlatformServer, an_image: Callable[[str], Path],
    shared_postgres: PostgresServer | None, tmp_path: Path,
) -> None:  # fmt: skip
    for number in range(60):
        an_image(f"many/{number}.png")
    folder = str(an_image("many/last.png").parent)
    program = tmp_path / "serve_one.py"
    program.write_text(SERVE_ONE)
    process = prefect_server.run([*FORKING, str(program)], "serve-one", POLLING)
    wait_until("the flow is served", lambda: process.poll() is not None or "ingest-folder" in deployed("stopping"))
    platform.script_fault("POST", "/api/datalake/.*/datas", delay=2.0, count=1000)
    parameters = {"folder": folder, "credentials": world.block, "max_files": 10, "max_workers": 1}
    run = run_deployment("ingest-folder/stopping", parameters=parameters, timeout=0)
    wait_until("some files are uploaded", lambda: world.lake.count_data() >= 3)

    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Cancelling(), force=True)
        wait_until("the run has ended", lambda: is_over(client.read_flow_run(run.id)))
        ended = client.read_flow_run(run.id)
    # Prefect kills what has not ended after 30 s, and says so before it says that it is done.
    wait_until("the run was cancelled", lambda: "Cancelled flow run" in prefect_server.log("serve-one"))
    prefect_server.end(process)

    log = prefect_server.log("serve-one")
    assert ended.state_name == "Cancelled", log[-4000:]
    assert "status code: -9" not in log, log[-4000:]
    assert world.lake.count_data() < 61
    assert_nothing_holds(world.lake.connection.api_token, prefect_server.home, shared_postgres)
