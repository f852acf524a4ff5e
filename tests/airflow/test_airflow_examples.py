"""Every example DAG, run to its end against a platform, and what it left in the lake."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.airflow import DagOutcome, load_dags, run_dag
from datalake_ops.testing.server import PlatformServer
from tests.airflow.versions import EXAMPLES, asset_events

DAGS = load_dags(EXAMPLES)


def run(dag_id: str, **conf: Any) -> DagOutcome:
    outcome = run_dag(DAGS[dag_id], conf)
    assert set(outcome.tasks.values()) == {"success"}
    return outcome


def _parsed(dag_id: str) -> Any:
    """An example, parsed anew, for its environment is another."""
    return load_dags(EXAMPLES / f"{dag_id}.py")[dag_id]


@pytest.fixture
def in_bucket(platform: PlatformServer, an_image: Callable[[str], Path]) -> Iterator[Callable[..., str]]:
    """Puts images into the lake's bucket under a prefix of the test's own, and returns the prefix."""
    made: list[Path] = []

    def put(prefix: str, *names: str) -> str:
        folder = platform.bucket / prefix
        folder.mkdir(parents=True)
        made.append(folder)
        for name in names:
            shutil.copy(an_image(f"{prefix}{name}"), folder / name)
        return prefix

    yield put
    for folder in made:
        shutil.rmtree(folder)


@pytest.fixture
def folder(an_image: Callable[[str], Path], a_blurred_photograph: Callable[[str], Path], tmp_path: Path) -> str:
    """A folder with a sharp and a blurred photograph, a text file and a hidden file."""
    an_image("photos/sharp.jpg")
    a_blurred_photograph("photos/blurred.png")
    (tmp_path / "photos" / "notes.txt").write_text("two photographs")
    shutil.copy(tmp_path / "photos" / "sharp.jpg", tmp_path / "photos" / ".hidden.jpg")
    return str(tmp_path / "photos")


def test_ingest_and_process(
    lake: DatalakeHook, folder: str, in_bucket: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path(folder) / "empty.jpg").touch()
    monkeypatch.setenv("DATALAKE_MAX_FAILED", "1")
    conf = {"folder": folder, "prefix": in_bucket("night/", "one.jpg", "two.png")}

    outcome = run_dag(_parsed("ingest_and_process"), conf)

    assert set(outcome.tasks.values()) == {"success"}
    counts = outcome.xcom("upload")["counts"]
    assert (counts["UPLOADED"], counts["FAILED"]) == (2, 1)
    assert lake.count_data(tags="demo") == 4
    assert len(lake.find_jobs(labels={"run_id": outcome.run_id})) == 3
    blurred = lake.list_data(tags=["demo", "blurred"], intersect_tags=True)
    assert "blurred.png" in {data.filename for data in blurred}
    assert outcome.xcom("list_data")["data_ids"] == [str(id) for id in lake.list_data(tags="demo").ids]
    assert all(lake.list_projections(data) for data in lake.list_data(tags="demo"))


def test_upload_folder(lake: DatalakeHook, folder: str, tmp_path: Path) -> None:
    (Path(folder) / "broken.jpg").write_bytes(b"no photograph")
    report = tmp_path / "report.jsonl"

    summary = run("upload_folder", folder=folder, report=str(report)).xcom("upload")

    rows = [json.loads(line) for line in report.read_text().splitlines()]
    assert [Path(row["path"]).name for row in rows] == ["blurred.png", "broken.jpg", "sharp.jpg"]
    assert summary["counts"]["UPLOADED"] == 2
    assert summary["report"] == str(report)
    assert len(summary["data_ids"]) == 2
    assert [Path(error["path"]).name for error in summary["errors"]] == ["broken.jpg"]
    data = lake.get_data(summary["data_ids"][0])
    assert (data.custom_metadata or {})["shift"] == "night"
    assert [source.name for source in lake.list_data_sources() if source == data.data_source] == ["camera-one"]


def test_upload_in_shards(lake: DatalakeHook, folder: str, an_image: Callable[[str], Path]) -> None:
    an_image("photos/third.png")

    outcome = run("upload_in_shards", folder=folder, max_files=2)

    assert [task for task in outcome.tasks if task.startswith("upload")] == ["upload[0]", "upload[1]"]
    assert outcome.xcom("merge")["counts"]["UPLOADED"] == 3
    assert lake.count_data(tags="line-3") == 3


def test_import_bucket(lake: DatalakeHook, in_bucket: Callable[..., str]) -> None:
    outcome = run("import_bucket", prefix=in_bucket("monday/", "one.jpg", "two.png"))

    assert lake.get_job(outcome.xcom("import_bucket")).status.succeeded
    assert lake.count_data(tags="incoming") == 2


@pytest.mark.newest_airflow("its operators run in another example")
def test_map_prefixes(lake: DatalakeHook, in_bucket: Callable[..., str]) -> None:
    prefixes = [in_bucket("north/", "one.jpg"), in_bucket("south/", "one.jpg", "two.jpg")]

    outcome = run("map_prefixes", prefixes=prefixes)

    assert outcome.xcom("import_prefix[0]") != outcome.xcom("import_prefix[1]")
    assert lake.count_data(tags="incoming") == 3


@pytest.mark.usefixtures("some_data")
def test_launch_processing(lake: DatalakeHook) -> None:
    outcome = run("launch_processing")

    assert outcome.xcom("newest")["count"] == 3
    assert all(lake.get_job(outcome.xcom(task)).status.succeeded for task in ("by_filter", "by_ids"))
    assert all(lake.list_projections(data) for data in lake.list_data())


@pytest.mark.usefixtures("some_data")
def test_wait_for_job(lake: DatalakeHook) -> None:
    outcome = run("wait_for_job")

    job = outcome.xcom("launch")
    assert [outcome.xcom(task) for task in ("poke", "reschedule", "defer")] == [job] * 3
    assert lake.get_job(job).status.succeeded


def test_tag_data(lake: DatalakeHook, an_image: Callable[[str], Path]) -> None:
    lake.upload([an_image("one.jpg"), an_image("two.png")], tags=["demo"])

    outcome = run("tag_data")

    assert outcome.xcom("validate") == 1
    assert [data.filename for data in lake.list_data(tags="validated")] == ["one.jpg"]


def test_import_objects(lake: DatalakeHook, in_bucket: Callable[..., str], tmp_path: Path) -> None:
    prefix = in_bucket("named/", "one.jpg", "two.jpg", "three.jpg")
    rows = [{"object_name": f"{prefix}one.jpg", "tags": ["rain"], "custom_metadata": {"camera": 3}}]
    rows += [{"object_name": f"{prefix}two.jpg", "data_source": "attic"}]
    (tmp_path / "objects.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + f"{prefix}three.jpg\n")

    outcome = run("import_objects", objects=str(tmp_path / "objects.jsonl"))

    assert outcome.xcom("plan")[0]["name"] == "1 to 3"
    assert lake.get_job(outcome.xcom("import_objects[0]")).status.succeeded
    assert lake.count_data(tags="incoming") == 3
    [rainy] = lake.list_data(tags="rain")
    assert (rainy.filename, rainy.custom_metadata) == ("one.jpg", {"camera": 3})
    sources = {data.filename: data.data_source.name for data in lake.list_data() if data.data_source}
    assert sources == {"one.jpg": "bucket", "two.jpg": "attic", "three.jpg": "bucket"}


@pytest.mark.newest_airflow("its operators run in another example")
@pytest.mark.usefixtures("some_data")
def test_hand_on_by_file(lake: DatalakeHook, tmp_path: Path) -> None:
    outcome = run("hand_on_by_file", ids=str(tmp_path / "ids.txt"))

    assert outcome.xcom("list_data")["data_ids_file"] == str(tmp_path / "ids.txt")
    assert lake.count_data(tags="has-thumbnail") == 3
    assert all(lake.list_projections(data) for data in lake.list_data())


def test_update_data(lake: DatalakeHook, some_data: list[str]) -> None:
    outcome = run("update_data")

    assert outcome.xcom("find")["id"] in some_data
    assert "presigned_url" not in outcome.xcom("find")
    assert outcome.xcom("reviewed") == 3
    changed = lake.list_data(tags="reviewed")
    assert {(data.custom_metadata or {})["reviewed_in"] for data in changed} == {outcome.run_id}
    assert {data.data_source.name for data in changed if data.data_source} == {"review"}


@pytest.mark.usefixtures("some_data")
def test_create_projections(lake: DatalakeHook, tmp_path: Path) -> None:
    outcome = run("create_projections", folder=str(tmp_path / "work"))
    again = run("create_projections", folder=str(tmp_path / "work"))

    assert outcome.xcom("attach") == {"projections": 3, "skipped": 0, "failed": 0}
    assert again.xcom("attach") == {"projections": 0, "skipped": 3, "failed": 0}
    assert [[one.name for one in lake.list_projections(data)] for data in lake.list_data()] == [["grey"]] * 3


@pytest.mark.usefixtures("some_data")
def test_tag_batches(lake: DatalakeHook) -> None:
    lake.create_data_tag("batch-other")
    lake.add_tags(lake.list_data(limit=1), "batch-other")

    outcome = run("tag_batches")

    counts = {tag: outcome.xcom(f"count[{index}]")["count"] for index, tag in enumerate(outcome.xcom("batches"))}
    assert counts == {"batch-1": 3, "batch-other": 1}


def test_wait_for_data(lake: DatalakeHook, an_image: Callable[[str], Path]) -> None:
    lake.upload([an_image(f"{number}.png") for number in range(3)], tags=["batch-1"])

    outcome = run("wait_for_data")

    assert [outcome.xcom(task) for task in ("poke", "reschedule", "defer")] == [3, 3, 3]
    assert lake.count_data(tags="complete") == 3


@pytest.mark.usefixtures("some_data")
def test_use_the_hook(lake: DatalakeHook) -> None:
    outcome = run("use_the_hook")

    newest = outcome.xcom("newest")
    assert newest["filename"] in ("0.png", "1.png", "2.png")
    assert "presigned_url" not in newest
    assert outcome.xcom("mark") == {"demo": 3, "newest": 1}
    assert [outcome.xcom(f"count[{index}]") for index in range(2)] == [3, 1]
    assert [str(one) for one in lake.list_data(tags="newest").ids] == [newest["id"]]


def test_pipeline(lake: DatalakeHook, folder: str, in_bucket: Callable[..., str]) -> None:
    outcome = run("pipeline", folder=folder, prefix=in_bucket("piped/", "one.jpg", "two.jpg"))

    assert outcome.xcom("batch.gate") == {"total": 4, "counts": [4, 1]}
    assert lake.count_data(tags=["batch-1", "validated"], intersect_tags=True) == 4
    assert len(lake.find_jobs(labels={"run_id": outcome.run_id})) == 3


@pytest.mark.newest_airflow("its operators run in another example")
@pytest.mark.needs_airflow("3.0", "the tag of the example is made of `dag_run.run_after`")
def test_ingest_every_hour(lake: DatalakeHook, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATALAKE_FOLDER", folder)
    dag, begun_on = _parsed("ingest_every_hour"), datetime.now(UTC).date()

    first, again = (run_dag(dag).xcom("upload")["counts"] for _ in range(2))

    assert (first["UPLOADED"], again["UPLOADED"], again["SKIPPED"]) == (2, 0, 2)
    # Two days when midnight came in between.
    days = {f"day-{day}" for day in (begun_on, datetime.now(UTC).date())}
    tags = {tag.name for tag in lake.list_data_tags()}
    assert tags
    assert tags <= days


@pytest.mark.newest_airflow("its operators run in another example")
def test_upload_on_many_workers(lake: DatalakeHook, an_image: Callable[[str], Path], tmp_path: Path) -> None:
    paths = [an_image(f"photos/{number}.png") for number in range(5)]
    shared = tmp_path / "shared"

    outcome = run("upload_on_many_workers", folder=str(paths[0].parent), shared=f"file://{shared}", max_files=2)

    assert outcome.xcom("merge")["counts"]["UPLOADED"] == lake.count_data() == 5
    assert len(list((shared / "reports" / outcome.run_id).iterdir())) == 3
    assert len(list((shared / "journals" / outcome.run_id).iterdir())) == 3


def test_assets(lake: DatalakeHook, folder: str) -> None:
    outcome = run("assets", folder=folder)

    [event] = asset_events(outcome.run_id)
    assert event.uri == "datalake://app.picsellia.com/acme/photos?tags=night-shift"
    assert (event.extra["counts"]["UPLOADED"], event.extra["lake"]) == (2, str(lake.lake_uri()))


# What starts these DAGs, and what they do then, is seen in test_airflow_watchers.py; here nothing started them.


@pytest.mark.needs_airflow("3.0", "assets are called datasets before")
def test_after_assets() -> None:
    assert run("after_assets").xcom("count") == 0


@pytest.mark.needs_airflow("3.0", "there are no watchers before")
def test_watch_new_data() -> None:
    outcome = run_dag(DAGS["watch_new_data"])

    assert outcome.tasks == {"new_ids": "success", "thumbnails": "skipped", "mark": "skipped"}


@pytest.mark.needs_airflow("3.0", "there are no watchers before")
def test_watch_jobs() -> None:
    assert run("watch_jobs").xcom("tell") == []


def test_every_example_has_a_test_here() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} <= {
        name.removeprefix("test_") for name in globals() if name.startswith("test_")
    }
