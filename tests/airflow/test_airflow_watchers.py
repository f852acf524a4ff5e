"""Watchers in a real Airflow: a run for what is new, once, also when the triggerer dies, and one poll for all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.airflow import CONNECTION_VARIABLE, AirflowServer, airflow_connection
from datalake_ops.testing.server import PlatformServer

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.timeout(1800),
    pytest.mark.needs_airflow("3.3", "older ones do not keep a watcher's place with its asset"),
]
LAKE = "watched"
WATCHERS = Path(__file__).parent / "watchers"
# Each DAG, and the task that returns what its run was told.
DAGS = {
    "on_raw": "ids", "on_wide": "ids", "on_jobs": "jobs", "on_twin": "ids", "on_other_twin": "ids",
    "watch_new_data": "new_ids", "watch_jobs": "tell",
}  # fmt: skip
EXAMPLES = ("watch_new_data", "watch_jobs", "assets", "after_assets")
# Data, wide data, jobs, the trigger that the twins share, and those of two examples.
TRIGGERS = 6
SECONDS = 300.0


@pytest.fixture(scope="module")
def lineage_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where OpenLineage's own provider writes the events of this Airflow, in one file, a line for each."""
    return tmp_path_factory.mktemp("openlineage") / "events.jsonl"


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DAGs of these tests, and the examples that events start."""
    folder = tmp_path_factory.mktemp("dags")
    (folder / "watchers.py").symlink_to(WATCHERS / "watchers.py")
    for name in EXAMPLES:
        (folder / f"{name}.py").symlink_to(WATCHERS.parent.parent.parent / "example_dags" / "airflow" / f"{name}.py")
    return folder


@pytest.fixture(scope="module")
def airflow_server(
    platform_server: PlatformServer, lineage_log: Path, dags: Path, database: dict[str, str]
) -> Iterator[AirflowServer]:
    platform_server.add_lake(LAKE)
    transport = {"type": "file", "log_file_path": str(lineage_log), "append": True}
    environment = {
        **database,
        CONNECTION_VARIABLE: airflow_connection(platform_server, datalake_name=LAKE),
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
    }
    with AirflowServer(dags, environment) as server:
        until(lambda: server.log("triggerer").count("starts now") >= TRIGGERS, server)
        yield server


@pytest.fixture(scope="module")
def lake(platform_server: PlatformServer, airflow_server: AirflowServer) -> Iterator[DatalakeHook]:
    with platform_server.hook(datalake_name=LAKE) as hook:
        yield hook


@pytest.fixture
def add(lake: DatalakeHook, tmp_path: Path) -> Callable[..., str]:
    """Uploads a picture and returns its id."""

    def upload(size: tuple[int, int] = (32, 32), **options: Any) -> str:
        path = tmp_path / f"{uuid4().hex}.png"
        Image.effect_noise(size, 90).save(path)
        return str(lake.upload_data(path, **options).id)

    return upload


def until(condition: Callable[[], bool], server: AirflowServer) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, server.log("triggerer")[-4000:]
        time.sleep(0.25)


class Runs:
    """The runs of a DAG that began since, and what they were told: those of an earlier test are not this one's."""

    def __init__(self, server: AirflowServer, dag_id: str) -> None:
        self.server, self.dag_id = server, dag_id
        self._earlier: set[str] = set()
        self._earlier = {run["dag_run_id"] for run in self.runs()}

    def runs(self) -> list[dict[str, Any]]:
        runs = self.server.api("GET", f"/dags/{self.dag_id}/dagRuns?limit=100")["dag_runs"]
        return [run for run in runs if run["dag_run_id"] not in self._earlier]

    def told(self) -> list[Any] | None:
        """What all runs were told, together; None while one goes on."""
        runs = self.runs()
        assert "failed" not in {run["state"] for run in runs}, runs
        if any(run["state"] != "success" for run in runs):
            return None
        return [one for run in runs for one in self._told_to(run["dag_run_id"])]

    def _told_to(self, run_id: str) -> list[Any]:
        # A short circuit that has nothing to go on with returns nothing, and skips what follows.
        if "skipped" in self.server.task_states(self.dag_id, run_id).values():
            return []
        return list(self.server.xcom(self.dag_id, run_id, DAGS[self.dag_id]))

    def wait_until_told(self, *expected: Any) -> None:
        until(lambda: set(expected) <= set(self.told() or ()), self.server)

    def events(self) -> int:
        return self.server.log("triggerer").count("Trigger fired event")


@pytest.fixture
def runs_of(airflow_server: AirflowServer) -> Callable[[str], Runs]:
    return lambda dag_id: Runs(airflow_server, dag_id)


def test_new_data_start_a_run_once_and_what_it_does_to_them_starts_none(
    add: Callable[..., str], lake: DatalakeHook, runs_of: Callable[[str], Runs]
) -> None:
    raw = runs_of("on_raw")

    first = add(tags=["raw"])
    add(tags=["other"])
    raw.wait_until_told(first)
    # The run has put on a tag of its own, and once more the one that is watched.
    assert lake.count_data(tags="marked") == 1
    second = add(tags=["raw"])
    raw.wait_until_told(first, second)

    told = raw.told()
    assert sorted(told or ()) == sorted([first, second])
    assert len(raw.runs()) == 2


def test_a_tag_put_on_old_data_starts_a_run_and_an_excluded_one_does_not(
    add: Callable[..., str], lake: DatalakeHook, runs_of: Callable[[str], Runs]
) -> None:
    raw = runs_of("on_raw")
    excluded, old = add(tags=["derived"]), add()

    lake.add_tags([excluded], ["raw"])
    lake.add_tags([old], ["raw"])

    raw.wait_until_told(old)
    assert excluded not in (raw.told() or ())


def test_a_query_and_an_ended_job_start_runs(
    add: Callable[..., str], lake: DatalakeHook, runs_of: Callable[[str], Runs]
) -> None:
    on_wide, jobs = runs_of("on_wide"), runs_of("on_jobs")
    add()
    wide = add(size=(200, 20))

    job = lake.wait_for_job(lake.launch_processing("quick", [wide]), timeout=SECONDS)

    on_wide.wait_until_told(wide)
    assert on_wide.told() == [wide]
    until(lambda: [one["id"] for one in jobs.told() or ()] == [str(job.id)], jobs.server)


def test_two_assets_that_share_a_trigger_both_start_runs(
    add: Callable[..., str], runs_of: Callable[[str], Runs]
) -> None:
    twins = [runs_of(dag_id) for dag_id in ("on_twin", "on_other_twin")]

    shared = add(tags=["shared"])

    for twin in twins:
        twin.wait_until_told(shared)
        assert twin.told() == [shared]


def test_the_examples_start_by_what_arrives(
    add: Callable[..., str], lake: DatalakeHook, runs_of: Callable[[str], Runs]
) -> None:
    data, jobs = runs_of("watch_new_data"), runs_of("watch_jobs")

    arrived = add(tags=["arrived"])
    add(tags=["arrived"], source="watch_new_data")

    data.wait_until_told(arrived)
    assert data.told() == [arrived]
    assert [str(one.id) for one in lake.list_data(tags="shown")] == [arrived]
    [job] = lake.find_jobs(labels={"dag_id": "watch_new_data"})
    jobs.wait_until_told(str(job.id))


def test_an_upload_starts_the_dag_of_its_asset(
    airflow_server: AirflowServer, lake: DatalakeHook, tmp_path: Path
) -> None:
    for number in range(3):
        Image.effect_noise((32, 32), 90).save(tmp_path / f"{number}.png")

    after = Runs(airflow_server, "after_assets")

    run_id = airflow_server.trigger("assets", {"folder": str(tmp_path)})

    assert airflow_server.wait("assets", run_id) == "success"
    until(lambda: [run["state"] for run in after.runs()] == ["success"], airflow_server)
    assert airflow_server.xcom("after_assets", after.runs()[0]["dag_run_id"], "count") == 3


def test_all_watchers_of_a_lake_make_one_poll(airflow_server: AirflowServer, platform_server: PlatformServer) -> None:
    platform_server.clear_requests()
    begun = time.monotonic()

    until(lambda: looks(platform_server) >= 5, airflow_server)

    # One look a second, or 0.95 s at the soonest, for four triggers.
    assert looks(platform_server) <= (time.monotonic() - begun) / 0.95 + 2


def looks(platform_server: PlatformServer) -> int:
    return sum(request["path"].endswith("/changes") for request in platform_server.requests())


def test_a_triggerer_that_is_killed_loses_and_doubles_nothing(
    add: Callable[..., str], runs_of: Callable[[str], Runs], airflow_server: AirflowServer
) -> None:
    raw, twin = runs_of("on_raw"), runs_of("on_twin")
    fired = raw.events()
    expected = [add(tags=["raw"])]

    # Killed at the worst time: the event has been fired, and whether Airflow kept it is not known.
    until(lambda: raw.events() > fired, airflow_server)
    airflow_server.kill("triggerer")
    expected += [add(tags=["raw"]) for _ in range(2)]
    shared = add(tags=["shared"])
    airflow_server.start("triggerer")
    raw.wait_until_told(*expected)
    twin.wait_until_told(shared)
    # One more that comes after all that might be told again.
    last = add(tags=["raw"])
    raw.wait_until_told(last)

    assert sorted(raw.told() or []) == sorted([*expected, last])
    assert twin.told() == [shared]


def test_a_batch_that_was_told_to_an_earlier_run_leaves_a_later_one_nothing_to_do(
    add: Callable[..., str], runs_of: Callable[[str], Runs], airflow_server: AirflowServer
) -> None:
    raw = runs_of("on_raw")
    raw.wait_until_told(add(tags=["raw"]))
    told, count = raw.told(), len(raw.runs())
    newest = airflow_server.api("GET", "/assets/events?name_pattern=new-raw&order_by=-timestamp&limit=1")
    [event] = newest["asset_events"]

    # What a triggerer tells after one that died before it knew whether Airflow had kept the event.
    extra = {"payload": {**event["extra"]["payload"], "redelivered": True}}
    airflow_server.api("POST", "/assets/events", {"asset_id": event["asset_id"], "extra": extra})

    until(lambda: len(raw.runs()) > count and raw.told() is not None, airflow_server)
    assert raw.told() == told


def test_openlineage_hears_what_a_run_did(
    add: Callable[..., str], lake: DatalakeHook, lineage_log: Path, airflow_server: AirflowServer
) -> None:
    def outputs() -> set[tuple[str, str]]:
        lines = lineage_log.read_text().splitlines() if lineage_log.exists() else []
        events = [event for line in lines if (event := an_event(line)) is not None]
        completed = [one for one in events if one["eventType"] == "COMPLETE" and one["job"]["name"] == "on_raw.mark"]
        return {(output["namespace"], output["name"]) for one in completed for output in one["outputs"]}

    def an_event(line: str) -> dict[str, Any] | None:
        # Others write while this is read: the line that they are at is read the next time.
        with suppress(json.JSONDecodeError):
            return dict(json.loads(line))
        return None

    add(tags=["raw"])

    uri = lake.lake_uri(["marked"])
    until(lambda: (uri.namespace, uri.name) in outputs(), airflow_server)
