"""The flows `ingest_bucket`, `sync_bucket` and `process_and_wait`, and the task `import_cloud_objects`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from prefect import flow, get_client

from datalake_ops.errors import ArgumentError, ConfigurationError, JobFailedError, NoDataError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from prefect_tasks import (
    DatalakeCredentials,
    import_bucket_objects,
    import_cloud_objects,
    ingest_and_process,
    ingest_bucket,
    ingest_folder,
    process_and_wait,
    sync_bucket,
    wait_for_job,
    wait_for_jobs,
)
from prefect_tasks.flows.bucket import prefixes_of
from prefect_tasks.runs.watermark import Watermark

pytestmark = pytest.mark.usefixtures("prefect_api")
AnImage = Callable[[str], Path]
Shelve = Callable[[str], str]
NOW = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)


@pytest.fixture
def saved(prefect_api: None, credentials: DatalakeCredentials, lake: DatalakeHook) -> str:
    """The name of the lake's saved block."""
    name = str(lake.context.datalake.name)
    credentials.save(name)
    return name


@pytest.fixture
def root() -> str:
    """A prefix of the bucket of the test's own."""
    return f"{uuid4().hex[:8]}/"


@pytest.fixture
def shelve(platform: PlatformServer, an_image: AnImage, root: str) -> Shelve:
    """Puts an image into the bucket, below the test's prefix, and returns its object name."""

    def put(name: str) -> str:
        target = platform.bucket / root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(an_image(Path(name).name), target)
        return f"{root}{name}"

    return put


@pytest.mark.parametrize(
    ("started", "parameter", "way_out"),
    [
        (ingest_folder.with_options(retries=1), "folder", "write_manifest"),
        (process_and_wait, "data", "Put a tag"),
        (ingest_bucket.with_options(timeout_seconds=60).with_options(retries=1), "prefix", "fewer and shorter"),
    ],
    ids=["ingest_folder", "process_and_wait", "ingest_bucket"],
)
def test_every_flow_that_takes_a_list_says_what_to_do_about_one_too_long(
    started: Any, parameter: str, way_out: str
) -> None:
    values = [f"a-rather-long-name-of-an-object-or-a-data-{number:06}" for number in range(12_000)]
    others = {"processing": "thumbnails"} if parameter == "data" else {}

    with pytest.raises(ConfigurationError, match=way_out):
        started(**{parameter: values}, **others, credentials="nobody-looks")


def test_a_prefix_is_imported_and_awaited(lake: DatalakeHook, saved: str, root: str, shelve: Shelve) -> None:
    shelve("a.png")

    job = ingest_bucket(root, credentials=saved, tags="new")

    assert job["status"] == "SUCCEEDED"
    assert lake.count_data(tags="new") == 1


def test_a_sync_imports_what_is_new_and_moves_its_watermark(
    lake: DatalakeHook, saved: str, root: str, shelve: Shelve
) -> None:
    shelve("a.png")
    first = sync_bucket(root, credentials=saved)
    shelve("b.png")

    second = sync_bucket(root, credentials=saved)

    assert first["since"] is None
    assert second["since"] == first["watermark"]
    assert sorted(data.filename for data in lake.list_data()) == ["a.png", "b.png"]
    assert second["job"]["counts"]["imported"] == 1


def test_a_dated_sync_lists_only_the_days_since_the_last_one(
    lake: DatalakeHook, saved: str, root: str, shelve: Shelve
) -> None:
    today = datetime.now(UTC).date()
    dated = f"{root}%Y/%m/%d/"
    for days in (0, 1, 5):
        shelve((today - timedelta(days=days)).strftime(f"%Y/%m/%d/{days}.png"))

    with pytest.raises(ConfigurationError, match="say since which day"):
        sync_bucket(dated, credentials=saved)
    first = sync_bucket(dated, credentials=saved, since=today - timedelta(days=2))
    shelve((today - timedelta(days=1)).strftime("%Y/%m/%d/late.png"))
    second = sync_bucket(dated, credentials=saved)

    assert (first["prefixes"], second["prefixes"]) == (3, 2)
    assert sorted(data.filename for data in lake.list_data()) == ["0.png", "1.png", "late.png"]


def test_an_import_that_lacks_something_says_so(
    saved: str, root: str, shelve: Shelve, platform: PlatformServer, caplog: pytest.LogCaptureFixture
) -> None:
    (platform.bucket / shelve("a.png")).write_bytes(b"no picture")

    job = ingest_bucket(root, credentials=saved)

    assert job["status"] == "SUCCEEDED"
    assert "not with everything: failed 1" in caplog.text


def test_a_sync_that_failed_leaves_its_days_to_the_next(
    platform: PlatformServer, lake: DatalakeHook, saved: str, root: str, shelve: Shelve
) -> None:
    shelve("a.png")
    platform.script_fault("POST", "/api/.*import|/sdk/.*import|/api/.*datalake.*", status=400, count=1)

    state = sync_bucket(root, credentials=saved, return_state=True)
    platform.clear_faults()

    assert state.is_failed()
    assert Watermark.of(saved, root).read() is None
    assert sync_bucket(root, credentials=saved)["job"]["counts"]["imported"] == 1


def test_a_retried_sync_starts_one_job_and_keeps_its_days(
    lake: DatalakeHook, saved: str, root: str, shelve: Shelve, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve("a.png")
    before = {job.id for job in lake.find_jobs(labels={"orchestrator": "prefect"})}
    tries: list[datetime] = []
    write = Watermark.write

    def fail_once(self: Watermark, reached: datetime) -> None:
        tries.append(reached)
        if len(tries) == 1:
            raise RuntimeError("the server was away")
        write(self, reached)

    monkeypatch.setattr(Watermark, "write", fail_once)
    sync_bucket.with_options(retries=1)(root, credentials=saved)

    started = {job.id for job in lake.find_jobs(labels={"orchestrator": "prefect"})} - before
    assert len(started) == 1
    assert tries[0] == tries[1]


def test_two_first_syncs_that_end_at_once_keep_the_later_watermark(saved: str, monkeypatch: pytest.MonkeyPatch) -> None:
    watermark = Watermark.of(saved, "in/", name="Two at once")
    now = datetime.now(UTC)
    watermark.write(now)
    read, looks = Watermark.read, iter([True])
    # What the other one saw, before the first has written.
    monkeypatch.setattr(Watermark, "read", lambda self: None if next(looks, False) else read(self))

    watermark.write(now + timedelta(hours=1))

    assert watermark.read() == now + timedelta(hours=1)


def test_a_watermark_never_moves_back(saved: str) -> None:
    watermark = Watermark.of(saved, "in/", name="My sync, no. 1")
    later = datetime.now(UTC)

    watermark.write(later)
    watermark.write(later - timedelta(hours=1))

    assert watermark.name == "datalake_sync_my_sync_no_1"
    assert watermark.read() == later
    with get_client(sync_client=True) as client:
        found = client.read_variable_by_name(watermark.name)
    assert found is not None
    assert found.value["prefix"] == "in/"


@pytest.mark.parametrize(
    ("reached", "zone", "dated"),
    [
        (NOW, "UTC", ["2026/03/01", "2026/03/02"]),
        (NOW - timedelta(hours=3), "UTC", ["2026/02/28", "2026/03/01", "2026/03/02"]),
        (NOW, "America/New_York", ["2026/02/28", "2026/03/01"]),
    ],
)
def test_the_days_of_a_sync_begin_where_its_camera_is(reached: datetime, zone: str, dated: list[str]) -> None:
    assert prefixes_of("%Y/%m/%d", reached, None, 1, ZoneInfo(zone), NOW) == dated


def test_months_are_listed_once_and_a_sync_far_behind_is_refused() -> None:
    assert prefixes_of("%Y-%m/", None, date(2026, 1, 15), 1, ZoneInfo("UTC"), NOW) == [
        "2026-01/",
        "2026-02/",
        "2026-03/",
    ]
    with pytest.raises(ConfigurationError, match="more than 400"):
        prefixes_of("%Y/%m/%d/", None, date(2020, 1, 1), 1, ZoneInfo("UTC"), NOW)


def test_a_processing_runs_and_is_awaited(lake: DatalakeHook, saved: str, some_data: list[str]) -> None:
    job = process_and_wait("thumbnails", credentials=saved, tags="ingested")

    assert job["status"] == "SUCCEEDED"
    assert all(len(lake.list_projections(one)) == 1 for one in some_data)


def test_a_processing_without_data_says_so(saved: str) -> None:
    with pytest.raises(NoDataError):
        process_and_wait("thumbnails", credentials=saved, tags="no such tag")


@pytest.mark.parametrize(("on_empty", "name"), [("skip", "Skipped"), ("succeed", "Completed")])
def test_a_flow_with_nothing_to_do_ends_as_on_empty_says(
    saved: str, lake: DatalakeHook, tmp_path: Path, on_empty: Any, name: str
) -> None:
    states = {
        "process": process_and_wait(
            "thumbnails", credentials=saved, tags="no such tag", on_empty=on_empty, return_state=True
        ),
        "import": ingest_bucket("", credentials=saved, on_empty=on_empty, return_state=True),
        "folder": ingest_folder(str(tmp_path), credentials=saved, on_empty=on_empty, return_state=True),
        "both": ingest_and_process(
            str(tmp_path), "", credentials=saved, tag="new", on_empty=on_empty, return_state=True
        ),
    }  # fmt: skip

    assert {kind: state.name for kind, state in states.items()} == dict.fromkeys(states, name)
    assert [states[kind].result() for kind in ("process", "import")] == [None, None]
    assert states["folder"].result()["shards"] == 0
    assert states["both"].result()["data"] == 0
    assert lake.list_data_tags() == []


def test_a_flow_with_nothing_to_do_fails_without_another_word(saved: str, tmp_path: Path) -> None:
    for started in (
        lambda: ingest_bucket("", credentials=saved),
        lambda: ingest_folder(str(tmp_path), credentials=saved),
        lambda: ingest_folder([], credentials=saved),
        lambda: ingest_and_process(str(tmp_path), credentials=saved, tag="new"),
        lambda: ingest_and_process(prefix=" ", credentials=saved, tag="new"),
        lambda: sync_bucket(" ", credentials=saved),
    ):
        with pytest.raises(NoDataError):
            started()
    with pytest.raises(ArgumentError, match="tag"):
        ingest_and_process(str(tmp_path), credentials=saved, tag=" ")


@pytest.mark.usefixtures("processings")
def test_a_processing_that_fails_fails_the_run(saved: str, some_data: list[str]) -> None:
    with pytest.raises(JobFailedError):
        process_and_wait("failing", credentials=saved, data=some_data)


def test_named_objects_are_imported_each_with_its_own(
    lake: DatalakeHook, credentials: DatalakeCredentials, shelve: Shelve
) -> None:
    names = [shelve("a.png"), shelve("b.png")]
    tries: list[Any] = []

    @flow(retries=1)
    def imported() -> None:
        objects = {name: {"tags": [f"is-{name[-5]}"]} for name in names}
        tries.append(import_cloud_objects(credentials, objects))
        wait_for_jobs(credentials, tries[-1])
        if len(tries) < 2:
            raise RuntimeError("after the import")

    imported()

    assert len(tries[0]) == 1
    assert tries[0] == tries[1]
    assert [data.filename for data in lake.list_data(tags="is-b")] == ["b.png"]


def test_a_retried_flow_imports_named_objects_anew_when_their_import_ended_badly(
    platform: PlatformServer, lake: DatalakeHook, credentials: DatalakeCredentials, shelve: Shelve, root: str
) -> None:
    name = shelve("a.png")
    shelf = platform.bucket / root / "busy"
    shelf.mkdir()
    # Imports of one lake run one after the other: what keeps the first one busy keeps the flow's from ending too soon.
    Image.new("RGB", (9, 9)).save(shelf / "0.png")
    for number in range(1, 20_000):
        (shelf / f"{number}.png").hardlink_to(shelf / "0.png")
    busy, tries = lake.import_bucket_objects(f"{root}busy/"), list[list[str]]()

    @flow(retries=2)
    def imported() -> list[dict[str, Any]]:
        tries.append(import_cloud_objects(credentials, [name]))
        if len(tries) == 1:
            for job in (tries[0][0], busy):
                lake.cancel_job(job)
        ended = wait_for_jobs(credentials, tries[-1], timeout=240.0)
        if len(tries) == 2:
            raise RuntimeError("after the second import")
        return ended

    (ended,) = imported()

    assert ended["status"] == "SUCCEEDED"
    assert tries[0] != tries[1] == tries[2]


def test_a_retried_flow_imports_a_prefix_anew_when_its_import_failed(credentials: DatalakeCredentials) -> None:
    tries: list[str] = []
    # No folder has so long a name, so the bucket cannot be listed.
    prefix = f"{'x' * 300}/"

    @flow(retries=1)
    def imported() -> None:
        tries.append(import_bucket_objects(credentials, prefix))
        wait_for_job(credentials, tries[-1])

    with pytest.raises(JobFailedError):
        imported()

    assert tries[0] != tries[1]


@pytest.mark.parametrize("by", ["prefix", "name"])
def test_objects_that_were_overwritten_are_imported_as_the_task_says(
    lake: DatalakeHook, credentials: DatalakeCredentials, platform: PlatformServer, shelve: Shelve, by: str
) -> None:
    name = shelve("a.png")

    @flow
    def imported() -> list[dict[str, int]]:
        counts = []
        for number, on_changed in enumerate(("skip", "skip", "update", "new")):
            os.utime(platform.bucket / name, ns=(number, number))
            if by == "prefix":
                jobs = [import_bucket_objects(credentials, name, on_changed=on_changed)]
            else:
                jobs = import_cloud_objects(credentials, [name], on_changed=on_changed)
            counts.append(wait_for_jobs(credentials, jobs)[0]["counts"])
        return counts

    outcomes = ("imported", "updated", "skipped_changed")
    assert [[key for key in outcomes if one.get(key)] for one in imported()] == [
        ["imported"],
        ["skipped_changed"],
        ["updated"],
        ["imported"],
    ]


def test_many_named_objects_take_a_job_for_each_five_hundred(
    lake: DatalakeHook, credentials: DatalakeCredentials, root: str
) -> None:
    @flow
    def imported() -> list[dict[str, Any]]:
        jobs = import_cloud_objects(credentials, [f"{root}{number}.png" for number in range(501)])
        return wait_for_jobs(credentials, jobs)

    assert [job["counts"]["listed"] for job in imported()] == [500, 1]


def test_no_named_object_fails_if_it_is_to(credentials: DatalakeCredentials) -> None:
    @flow
    def imported() -> list[str]:
        return import_cloud_objects(credentials, [], on_empty="fail")

    with pytest.raises(NoDataError):
        imported()
