"""An upload spread over the Celery workers of a real Airflow, one of which dies in the middle."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.airflow import CONNECTION_VARIABLE, AirflowServer, airflow_connection
from datalake_ops.testing.server import PlatformServer
from datalake_ops.testing.services import INSTALL, PostgresServer, RedisServer

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(2400)]
ROOT = Path(__file__).resolve().parents[3]
DAG, LAKE = "upload_on_many_workers", "many-workers"
SHARDS, FILES = 8, 25


def readme_settings() -> dict[str, str]:
    """The settings that the README tells to copy, as environment variables."""
    section = (ROOT / "README.md").read_text().split("## When one machine is not enough\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```ini\n(.*?)```", section, re.DOTALL)
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string(block)
    return {
        f"AIRFLOW__{name.upper()}__{key.upper()}": value
        for name in settings.sections()
        for key, value in settings[name].items()
    }


@pytest.fixture(scope="module")
def services(postgres: PostgresServer | None, database: dict[str, str]) -> Iterator[dict[str, str]]:
    """Redis and PostgreSQL, and where the README's settings find them."""
    if postgres is None:
        pytest.skip(f"Redis or PostgreSQL is missing on this machine: {INSTALL}.")
    with RedisServer() as redis:
        yield {
            **database,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{postgres.url('postgresql+psycopg2')}",
            "AIRFLOW__CELERY__BROKER_URL": redis.url,
        }


@pytest.fixture(scope="module")
def airflow_server(
    services: dict[str, str], platform_server: PlatformServer, dags_folder: Path
) -> Iterator[AirflowServer]:
    platform_server.add_lake(LAKE)
    # Two files at once, so that every shard is long enough to die in.
    connection = {CONNECTION_VARIABLE: airflow_connection(platform_server, datalake_name=LAKE, max_workers=2)}
    with AirflowServer(dags_folder, {**readme_settings(), **services, **connection}, workers=2) as server:
        yield server


@pytest.fixture(scope="module")
def lake(platform_server: PlatformServer, airflow_server: AirflowServer) -> Iterator[DatalakeHook]:
    with platform_server.hook(datalake_name=LAKE) as hook:
        yield hook


@pytest.fixture
def photos(an_image: Callable[[str], Path]) -> Path:
    paths = [an_image(f"photos/{number:03}.png") for number in range(SHARDS * FILES)]
    return paths[0].parent


def uploads(server: AirflowServer, run_id: str) -> list[dict[str, Any]]:
    """The mapped task instances of the upload."""
    found = server.api("GET", f"/dags/{DAG}/dagRuns/{run_id}/taskInstances?limit=1000")["task_instances"]
    return [ti for ti in found if ti["task_id"] == "upload"]


def running_on(server: AirflowServer, run_id: str, worker: str) -> set[int]:
    """Which shards are uploaded on a worker right now."""
    session = server.pid(worker)
    return {
        ti["map_index"] for ti in uploads(server, run_id) if ti["state"] == "running" and _is_in(ti["pid"], session)
    }


@contextmanager
def standstill(server: AirflowServer) -> Iterator[None]:
    """For a while, let no task be queued, taken, done or ended, so that what is seen is still so a moment later."""
    components = ("scheduler", "worker-1", "worker-2")
    for component in components:
        server.pause(component)
    try:
        yield
    finally:
        for component in components:
            if server.is_running(component):
                server.resume(component)


def kill_in_the_middle(server: AirflowServer, lake: DatalakeHook, run_id: str) -> tuple[set[int], dict[int, int]]:
    """Kill `worker-1` while it uploads: which shards it had, and how many files of each were in the lake.

    A task that it has taken and not begun would be found only after `task_queued_timeout`, so there must be none.
    """
    deadline = time.monotonic() + 600
    while True:
        assert time.monotonic() < deadline
        time.sleep(0.2)
        if not half_done(lake).keys() & running_on(server, run_id, "worker-1"):
            continue
        with standstill(server):
            victims, before = running_on(server, run_id, "worker-1"), states(server, run_id)
            # What was on its way when they stopped arrives.
            time.sleep(1)
            there = {shard: count for shard, count in half_done(lake).items() if shard in victims}
            after = states(server, run_id)
            if there and before == after and "queued" not in after.values():
                server.kill("worker-1")
                return victims, there


def states(server: AirflowServer, run_id: str) -> dict[int, str]:
    """The state of each shard's upload."""
    return {ti["map_index"]: ti["state"] for ti in uploads(server, run_id)}


def half_done(lake: DatalakeHook) -> dict[int, int]:
    """Which shards the lake holds some files of, but not all, and how many."""
    listed = lake.list_data() if lake.count_data() else []
    there = Counter(int(Path(data.filename).stem) // FILES for data in listed)
    return {shard: count for shard, count in there.items() if count < FILES}


def _is_in(pid: int | None, session: int) -> bool:
    try:
        return bool(pid) and os.getsid(pid) == session
    except ProcessLookupError:
        return False


def test_the_settings_of_the_readme_are_options_of_this_airflow() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "config", "list", "--default"], capture_output=True, text=True, check=True
    )
    known = set(re.findall(r"^\[(\S+)\]|^#? ?(\w+) =", done.stdout, re.MULTILINE))
    names = {section or option for section, option in known}

    for variable in readme_settings():
        _, section, option = variable.lower().split("__", 2)
        assert {section, option} <= names, variable


def test_a_worker_that_dies_in_the_middle_loses_and_doubles_nothing(
    airflow_server: AirflowServer, lake: DatalakeHook, platform_server: PlatformServer, photos: Path, tmp_path: Path
) -> None:
    airflow_server.api("POST", "/pools", {"name": "datalake_uploads", "slots": 6, "include_deferred": False})
    slow = platform_server.script_fault("POST", r"/datalake/[^/]+/datas$", delay=0.7, count=10_000)
    run_id = airflow_server.trigger(
        DAG, {"folder": str(photos), "shared": f"file://{tmp_path}/shared", "max_files": FILES}
    )

    victims, there = kill_in_the_middle(airflow_server, lake, run_id)

    assert there
    assert platform_server.faults_met(slow)
    ended = airflow_server.wait(DAG, run_id, timeout=900)
    assert ended == "success", airflow_server.task_states(DAG, run_id)
    names = Counter(data.filename for data in lake.list_data())
    assert names == {path.name: 1 for path in photos.iterdir()}
    tries = {ti["map_index"]: ti["try_number"] for ti in uploads(airflow_server, run_id)}
    assert {index for index, number in tries.items() if number > 1} == victims
    rows = [
        json.loads(line)
        for report in (tmp_path / "shared" / "reports" / run_id).glob("*.jsonl")
        for line in report.read_text().splitlines()
    ]
    assert sorted(row["data_id"] for row in rows) == sorted(str(data.id) for data in lake.list_data())
    # What the dead worker had sent was not sent again.
    assert Counter(row["status"] for row in rows)["SKIPPED"] >= sum(there.values())
    assert airflow_server.xcom(DAG, run_id, "merge", "files") == SHARDS * FILES
    # The lake is no asset of any DAG, which is no error of a task that succeeded.
    for worker in ("worker-1", "worker-2"):
        log = airflow_server.log(worker)
        assert "Task finished" in log or "succeeded" in log
        assert "Asset not found" not in log
