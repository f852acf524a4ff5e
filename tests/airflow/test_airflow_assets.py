"""Assets of the lake: their URIs, and the events of tasks that write there, through `dag.test()`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset, AssetAlias

from airflow_provider.lineage.assets import ANY_LAKE, create_asset, datalake_asset
from airflow_provider.lineage.record import LineageRecord
from airflow_provider.operators.tags import TagDataOperator
from datalake_ops.errors import ArgumentError, ConfigurationError
from datalake_ops.hook import DatalakeHook
from datalake_ops.lineage import LakeUri
from datalake_ops.testing.airflow import DagOutcome, connected, load_dags, run_dag
from datalake_ops.testing.server import PlatformServer
from tests.airflow.versions import AIRFLOW, TEST_DAGS, add_asset, asset_events, asset_uris, first_of, queued_consumers

DAGS = load_dags(TEST_DAGS)
DECLARED = "datalake://platform.example/acme/declared?tags=raw"
OUTLET_EVENT, OUTLET_EVENTS = (
    first_of(f"airflow.sdk.execution_time.context:{name}", f"airflow.utils.context:{name}")
    for name in ("OutletEventAccessor", "OutletEventAccessors")
)
LAKE = "datalake://app.picsellia.com/acme/photos"


def events_of(outcome: DagOutcome) -> dict[str, dict[str, Any]]:
    """The `extra` of each asset event of a run, by the asset's URI."""
    return {event.uri: event.extra for event in asset_events(outcome.run_id)}


def run(dag_id: str, folder: Path | None = None) -> DagOutcome:
    outcome = run_dag(DAGS[dag_id], {"folder": str(folder)})
    assert outcome.succeeded, outcome.tasks
    return outcome


@pytest.fixture
def folder(an_image: Callable[[str], Path], tmp_path: Path) -> Path:
    an_image("photos/one.png")
    an_image("photos/two.png")
    return tmp_path / "photos"


def test_an_asset_of_names_has_the_uri_of_the_lake() -> None:
    asset = datalake_asset("photos", "acme", "https://app.picsellia.com", tags=["raw", "night"])

    assert asset.uri == f"{LAKE}?tags=night&tags=raw"


def test_airflow_writes_every_spelling_of_a_uri_alike() -> None:
    assert Asset(uri="datalake://App.Picsellia.com/acme/photos/?tags=raw&q=a&tags=night").uri == (
        f"{LAKE}?q=a&tags=night&tags=raw"
    )


@pytest.mark.needs_airflow("3.0", "older ones only warn, unless `[core] strict_dataset_uri_validation` is set")
def test_a_uri_that_names_no_lake_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(ValueError, match="no URI of a lake"):
        Asset(uri="datalake://app.picsellia.com/photos")


def test_an_asset_takes_its_names_from_a_connection(platform_server: PlatformServer) -> None:
    with connected(platform_server, organization_name="acme", datalake_name="photos"):
        asset = datalake_asset(conn_id="datalake_default", tags="raw", name="raw photos")

    # Airflow 2 has no names of assets.
    assert (getattr(asset, "name", "raw photos"), asset.uri) == (
        "raw photos",
        f"datalake://{platform_server.url.removeprefix('http://')}/acme/photos?tags=raw",
    )


def test_a_connection_without_names_is_refused_with_what_to_do(platform_server: PlatformServer) -> None:
    with connected(platform_server), pytest.raises(ConfigurationError, match="organization_name and datalake_name"):
        datalake_asset(conn_id="datalake_default")


@pytest.mark.parametrize("empty", [{"tags": []}, {"tags": ""}, {"tags": [" "]}, {"source": ""}, {"q": " "}])
def test_an_empty_choice_is_not_the_asset_of_the_whole_lake(empty: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        datalake_asset("photos", "acme", "app.picsellia.com", **empty)


def test_hook_lineage_makes_the_same_asset() -> None:
    made = create_asset(datalake="photos", organization="acme", host="app.picsellia.com", extra={"a": 1})

    assert (made.uri, made.extra) == (LAKE, {"a": 1})


def test_an_upload_without_outlets_tells_of_any_lake_and_makes_no_asset(lake: DatalakeHook, folder: Path) -> None:
    events = events_of(run("tells_undeclared", folder))

    # Two tasks that made one asset at the same moment would fail one of the two, with its work done.
    assert not [uri for uri in asset_uris() if uri.startswith(str(lake.lake_uri()))]
    [(uri, told)] = events.items()
    assert uri == ANY_LAKE.uri
    assert told["counts"]["UPLOADED"] == told["files"] == 2
    assert (told["tags"], told["source"], told["lake"]) == (["raw", "night"], "camera", str(lake.lake_uri()))


@pytest.mark.usefixtures("lake")
def test_a_lake_that_nobody_listens_to_is_no_error_in_any_log(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run("tells_undeclared", folder)

    written = "".join(capfd.readouterr())
    assert "Asset not found" not in written
    assert "[error" not in written


def test_an_upload_without_outlets_tells_of_the_lake_its_tags_and_its_source_where_somebody_listens(
    lake: DatalakeHook, folder: Path
) -> None:
    uri = lake.lake_uri()
    listened = {"the lake": uri, "of the night": uri.with_(["night"]), "the camera": uri.with_(source="camera")}
    for name, one in listened.items():
        add_asset(str(one), f"{name} {uri}")

    events = events_of(run("tells_undeclared", folder))

    assert set(events) == {ANY_LAKE.uri, *map(str, listened.values())}
    assert all(told == events[ANY_LAKE.uri] for told in events.values())


def test_an_alias_tells_of_the_lake_and_of_what_somebody_listens_to(lake: DatalakeHook, folder: Path) -> None:
    uri = lake.lake_uri()
    add_asset(str(uri.with_(["night"])), f"night {uri}")

    events = events_of(run("tells_through_an_alias", folder))

    # Airflow 2.11 cannot be asked which it knows.
    unknown = {str(uri.with_(["raw"])), str(uri.with_(source="camera"))} if AIRFLOW < (3, 0) else set()
    assert set(events) == {str(uri), str(uri.with_(["night"])), *unknown}
    assert events[str(uri)]["counts"]["UPLOADED"] == 2


def test_a_declared_asset_gets_what_was_done_as_extra_and_the_partition(lake: DatalakeHook, folder: Path) -> None:
    outcome = run("tells_declared", folder)

    told = {event.name or event.uri: (event.extra, event.partition) for event in asset_events(outcome.run_id)}
    name = "raw-photos" if AIRFLOW >= (3, 0) else DECLARED
    assert set(told) == {name, "another-asset"}
    extra, partition = told[name]
    assert extra["counts"]["UPLOADED"] == 2
    assert extra["lake"] == str(lake.lake_uri())
    assert partition == (f"{outcome.run_id}-part" if AIRFLOW >= (3, 3) else None)
    assert told["another-asset"][0] == {}


@pytest.mark.needs_airflow("3.3", "older ones have no partitions")
@pytest.mark.usefixtures("lake")
def test_an_event_with_a_partition_starts_no_dag_whose_schedule_is_the_asset_and_is_warned_of(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    queued_consumers()

    run("tells_declared_without_partitions", folder)
    assert queued_consumers() == ["scheduled_on_declared"]
    assert "asset_partitions" not in "".join(capfd.readouterr())

    run("tells_declared", folder)
    assert queued_consumers() == []
    assert "they start no DAG whose schedule is the asset itself" in "".join(capfd.readouterr())


@pytest.mark.usefixtures("lake")
def test_an_upload_that_is_told_to_be_silent_emits_nothing(folder: Path) -> None:
    assert events_of(run("tells_nothing", folder)) == {}


def test_mapped_tasks_tell_too(lake: DatalakeHook, folder: Path) -> None:
    listened = str(lake.lake_uri(tags=["raw"]))
    add_asset(listened, listened)

    assert set(events_of(run("tells_mapped", folder))) == {ANY_LAKE.uri, listened}


@pytest.mark.usefixtures("some_data")
def test_tagging_tells_of_the_tags_that_were_put_on(lake: DatalakeHook) -> None:
    events = events_of(run("tells_of_tags"))

    assert set(events) == {ANY_LAKE.uri}
    told = events[ANY_LAKE.uri]
    assert (told["lake"], told["tags"]) == (str(lake.lake_uri()), ["checked"])
    assert (told["counts"], told["removed_tags"]) == ({"DATA": 3}, ["demo"])


def test_an_import_tells_of_its_job_and_what_it_counted(
    lake: DatalakeHook, platform: PlatformServer, folder: Path
) -> None:
    shutil.copytree(folder, platform.bucket / "told")

    outcome = run_dag(DAGS["tells_of_imports"], {"prefix": "told/"})

    events = events_of(outcome)
    assert set(events) == {ANY_LAKE.uri}
    told = events[ANY_LAKE.uri]
    assert (told["lake"], told["tags"], told["source"]) == (str(lake.lake_uri()), ["raw"], "bucket")
    job = lake.get_job(outcome.xcom("import"))
    assert told["job"] == {"id": str(job.id), "url": lake.job_url(job), "status": "SUCCEEDED"}
    assert told["counts"]["imported"] == 2
    assert told["counts"] == job.counts


@pytest.mark.usefixtures("some_data")
def test_a_processing_tells_the_same_when_it_is_waited_for_in_the_triggerer(lake: DatalakeHook) -> None:
    # Longer than the wait on the worker, so that the deferrable task does defer.
    outcome = run_dag(DAGS["tells_of_processings"], {"processing": "slow"})

    told = {event.task_id: (event.uri, event.extra) for event in asset_events(outcome.run_id)}
    # A task that does not wait has nothing to tell yet.
    assert set(told) == {"blocking", "deferred"}
    for task, (uri, extra) in told.items():
        assert (uri, extra["lake"]) == (ANY_LAKE.uri, str(lake.lake_uri()))
        assert extra["processing"] == "slow"
        assert extra["job"]["id"] == outcome.xcom(task)


def test_any_lake_stands_in_only_for_what_was_not_declared() -> None:
    declared, alias = datalake_asset("photos", "acme", "app.picsellia.com"), AssetAlias("mine")

    assert TagDataOperator(task_id="a", tags=["x"]).outlets == [ANY_LAKE]
    assert TagDataOperator(task_id="d", tags=["x"], outlets=[ANY_LAKE]).outlets == [ANY_LAKE]
    assert TagDataOperator(task_id="b", tags=["x"], outlets=[declared]).outlets == [declared]
    assert TagDataOperator(task_id="c", tags=["x"], outlets=[alias]).outlets == [alias]


def test_a_lake_that_is_declared_beside_any_lake_is_told_of_once() -> None:
    declared, lake = datalake_asset("photos", "acme", "app.picsellia.com"), LakeUri.parse(LAKE)
    operator = TagDataOperator(task_id="a", tags=["x"], outlets=[ANY_LAKE, declared])
    events = OUTLET_EVENTS()

    operator.record_lineage({"outlet_events": events}, LineageRecord(lake))  # type: ignore[typeddict-item]

    assert operator.outlets == [ANY_LAKE, declared]
    assert events[declared].extra == events[ANY_LAKE].extra == {"lake": LAKE}


@pytest.mark.needs_airflow("3.0", "Airflow 2 logs elsewhere")
def test_partitions_without_a_declared_asset_are_warned_of(capfd: pytest.CaptureFixture[str]) -> None:
    operator = TagDataOperator(task_id="a", tags=["x"], asset_partitions="today")
    operator.outlets = []

    operator.record_lineage({"outlet_events": OUTLET_EVENTS()}, LineageRecord(LakeUri.parse(LAKE)))  # type: ignore[typeddict-item]

    assert "asset_partitions is for the events of declared assets" in "".join(capfd.readouterr())


def test_a_task_succeeds_although_its_alias_cannot_be_told(
    lake: DatalakeHook, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OUTLET_EVENT, "add", _broken)

    outcome = run("tells_through_an_alias", folder)

    assert events_of(outcome) == {}
    assert lake.count_data(tags="raw") == 2


@pytest.mark.needs_airflow("3.0", "there Airflow itself would fail the task")
def test_a_task_succeeds_although_airflow_cannot_be_asked_for_assets(
    lake: DatalakeHook, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OUTLET_EVENTS, "__getitem__", _broken)

    run("tells_undeclared", folder)

    assert lake.count_data(tags="raw") == 2


def _broken(*_: object, **__: object) -> None:
    raise RuntimeError("the database is away")
