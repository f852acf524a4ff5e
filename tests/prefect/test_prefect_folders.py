"""The flow `ingest_folder` and the task `retry_failed_files`: shards, runners, checkpoints, limits of Prefect."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from prefect import flow, get_client, runtime
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId

from datalake_ops.errors import ConfigurationError, IncompleteUploadError, UnauthorizedError, UploadError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import wait_until
from datalake_ops.upload.sources.manifest import rows
from prefect_tasks import (
    DatalakeCredentials,
    ensure_limits,
    ingest_folder,
    retry_failed_files,
    upload_data,
    write_manifest,
)
from prefect_tasks.uploads.sharding import plan_upload, source_of

pytestmark = pytest.mark.usefixtures("prefect_api")
AnImage = Callable[[str], Path]


@pytest.fixture
def folder(an_image: AnImage) -> Path:
    """A folder of ten images."""
    images = [an_image(f"in/{number}.png") for number in range(10)]
    return images[0].parent


def uploads_of(run: str) -> list[str]:
    """Names of the task runs of a flow run that uploaded something and did not find their result."""
    from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterFlowRunId

    with get_client(sync_client=True) as client:
        wanted = TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=[run]))
        runs = client.read_task_runs(task_run_filter=wanted)
    return sorted(one.name for one in runs if one.name.startswith("upload") and one.state_name != "Cached")


def test_uploads_in_shards_one_task_each(lake: DatalakeHook, saved: str, folder: Path) -> None:
    @flow
    def outer() -> tuple[dict[str, Any], str]:
        summary = ingest_folder(str(folder), credentials=saved, tags=["new"], source="camera", max_files=4)
        return summary, str(runtime.flow_run.id)

    summary, run = outer()

    assert summary["counts"] == {"UPLOADED": 10, "SKIPPED": 0, "FAILED": 0, "UNPROCESSABLE": 0, "UNSUPPORTED": 0}
    assert summary["shards"] == 3
    assert lake.count_data(tags="new") == 10
    assert len(json.dumps(summary)) <= 2000
    with get_client(sync_client=True) as client:
        parent = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run]))
        (child,) = client.read_flow_runs(flow_run_filter=parent)
    assert child.name == f"ingest {folder}"[: len(child.name)] or "..." in child.name
    uploads = ["upload 1/3, 4 files", "upload 2/3, 4 files", "upload 3/3, 2 files"]
    # Prefect's server hears of task runs by events, which may come after the end of their flow.
    wait_until(f"the server knows {uploads}", lambda: uploads_of(str(child.id)) == uploads)


def test_a_second_run_sends_nothing_twice(lake: DatalakeHook, saved: str, folder: Path) -> None:
    ingest_folder(str(folder), credentials=saved, max_files=4)

    summary = ingest_folder(str(folder), credentials=saved, max_files=4, runner="threads", runner_options={})

    assert summary["counts"]["SKIPPED"] == lake.count_data() == 10


def test_a_manifest_says_more_of_each_file(lake: DatalakeHook, saved: str, folder: Path, tmp_path: Path) -> None:
    rows = [{"path": str(path), "tags": [f"is-{path.stem}"]} for path in sorted(folder.iterdir())]
    manifest = write_manifest(tmp_path / "files.jsonl", rows)

    summary = ingest_folder(manifest=manifest, credentials=saved, max_files=3)

    assert summary["counts"]["UPLOADED"] == 10
    assert lake.count_data(tags="is-7") == 1


def test_a_manifest_that_a_run_names_reaches_its_base_alone(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path / "files.jsonl", ["/etc/a.png", "b.png"])
    told = {"manifest": manifest, "base": None, "allow": ["/usr"]}

    [shard] = plan_upload.fn(told, {"max_files": 10}, "files")

    assert shard["pieces"][0]["foreign"] is True
    assert tuple(shard["pieces"][0]["allow"]) == ("/usr",)
    refused, reached = (row.error for row in rows(source_of(told)))
    assert "allow=" in str(refused)
    assert reached is None


def test_too_long_a_list_is_refused_with_the_way_out(saved: str) -> None:
    paths = [f"/data/photographs/a-rather-long-name-{number:06}.jpg" for number in range(12_000)]

    with pytest.raises(ConfigurationError, match=r"Prefect takes 524288.*write_manifest"):
        ingest_folder(paths, credentials=saved)


@pytest.mark.parametrize("which", [{}, {"folder": "a", "manifest": "b.jsonl"}])
def test_asks_for_a_folder_or_a_manifest(saved: str, which: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="a folder or a manifest"):
        ingest_folder(**which, credentials=saved)


def test_an_unknown_runner_or_option_is_named(saved: str, folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="do not fit the runner 'threads'"):
        ingest_folder(str(folder), credentials=saved, runner="threads", runner_options={"color": "red"})
    with pytest.raises(ConfigurationError, match="pip install prefect-ray"):
        ingest_folder(str(folder), credentials=saved, runner="ray")


def test_a_retried_run_does_only_the_shards_that_did_not_end_well(lake: DatalakeHook, saved: str, folder: Path) -> None:
    broken = folder / "5.png"
    whole = broken.read_bytes()
    broken.write_bytes(b"")
    runs: list[str] = []

    def mend(_flow: Any, run: Any, _state: Any) -> None:
        if runs:
            broken.write_bytes(whole)
        runs.append(str(run.id))

    summary = ingest_folder.with_options(retries=1, on_running=[mend])(str(folder), credentials=saved, max_files=4)

    assert lake.count_data() == 10
    assert summary["counts"] == {"UPLOADED": 7, "SKIPPED": 3, "FAILED": 0, "UNPROCESSABLE": 0, "UNSUPPORTED": 0}
    first = ["upload 1/3, 4 files", "upload 2/3, 4 files", "upload 3/3, 2 files"]
    again = ["upload 2/3, 4 files, try 2"]
    wait_until(f"the server knows {again}", lambda: uploads_of(runs[0]) == sorted(first + again))


def test_more_failures_than_may_fail_the_run_after_all_others_are_uploaded(
    lake: DatalakeHook, saved: str, folder: Path
) -> None:
    (folder / "5.png").write_bytes(b"")

    with pytest.raises(IncompleteUploadError, match="1 of 10 files were not uploaded") as raised:
        ingest_folder(str(folder), credentials=saved, max_files=4)
    again = ingest_folder(str(folder), credentials=saved, max_files=4, max_failed=0.1)

    assert "5.png" in str(raised.value)
    assert lake.count_data() == 9
    assert again["counts"]["FAILED"] == 1


def test_a_wrong_token_is_told_as_such(platform: PlatformServer, saved: str, folder: Path) -> None:
    DatalakeCredentials(host=platform.url, api_token="dlo_wrong").save(f"{saved}-wrong")

    with pytest.raises(UnauthorizedError):
        ingest_folder(str(folder), credentials=f"{saved}-wrong", max_files=4)


def test_what_failed_is_retried_from_the_checkpoints_with_their_arguments(
    lake: DatalakeHook, saved: str, folder: Path, tmp_path: Path
) -> None:
    (folder / "5.png").write_bytes(b"")
    shelf = tmp_path / "checkpoints"
    done = ingest_folder(str(folder), credentials=saved, tags="new", max_files=4, checkpoints=str(shelf), max_failed=1)
    # A shard that was lost with its worker has written no report.
    min(shelf.glob("shard-*.jsonl"), key=lambda path: len(path.read_text().splitlines())).unlink()

    @flow
    def again() -> list[dict[str, Any]]:
        with pytest.raises(UploadError, match="1 of 3 files failed again"):
            retry_failed_files(saved, done)
        Image.new("RGB", (9, 9)).save(folder / "5.png")
        return [retry_failed_files(saved, done), retry_failed_files(saved, str(shelf))]

    first, second = again()

    assert first["counts"]["UPLOADED"] == 1
    assert second["files"] == 0
    assert lake.count_data(tags="new") == 10
    assert lake.connection.api_token not in "".join(path.read_text() for path in shelf.glob("*.json*"))


def test_what_failed_is_retried_from_a_report(lake: DatalakeHook, saved: str, folder: Path, tmp_path: Path) -> None:
    (folder / "5.png").write_bytes(b"")
    report = tmp_path / "report.jsonl"

    @flow
    def upload() -> tuple[dict[str, Any], dict[str, Any]]:
        done = upload_data(saved, folder, report=report, allow_failures=True)
        Image.new("RGB", (9, 9)).save(folder / "5.png")
        return retry_failed_files(saved, done, tags="second"), retry_failed_files(saved, str(report))

    first, second = upload()

    assert (first["counts"]["UPLOADED"], second["files"]) == (1, 0)
    assert [data.filename for data in lake.list_data(tags="second")] == ["5.png"]


def test_a_retry_takes_up_the_rest_of_a_manifest_that_could_not_be_read_on(
    lake: DatalakeHook, saved: str, folder: Path, tmp_path: Path
) -> None:
    manifest, shelf = tmp_path / "files.jsonl", tmp_path / "shelf"
    manifest.write_text("".join(json.dumps({"path": f"in/{number}.png"}) + "\n" for number in range(6)))
    ingest_folder(manifest=str(manifest), credentials=saved, checkpoints=str(shelf), max_files=10)
    (report,) = shelf.glob("shard-*.jsonl")
    read = report.read_text().splitlines()[:2]
    unread = {"path": f"{manifest}:3", "status": "FAILED", "reason": "NetworkError"}
    report.write_text("\n".join([*read, json.dumps(unread)]) + "\n")
    lost = [data for data in lake.list_data() if data.filename not in ("0.png", "1.png")]
    lake.delete_data(lost)

    @flow
    def again() -> dict[str, Any]:
        return retry_failed_files(saved, str(shelf))

    assert again()["counts"] == {"UPLOADED": 4, "SKIPPED": 0, "FAILED": 0, "UNPROCESSABLE": 0, "UNSUPPORTED": 0}
    assert {data.filename for data in lake.list_data()} == {f"{number}.png" for number in range(6)}


def test_checkpoints_may_lie_behind_an_address(lake: DatalakeHook, saved: str, folder: Path) -> None:
    import fsspec

    shelf = f"memory://checkpoints-{saved}"
    ingest_folder(str(folder), credentials=saved, max_files=4, checkpoints=shelf)

    names = fsspec.filesystem("memory").ls(shelf.removeprefix("memory:/"), detail=False)
    assert sum(name.endswith(".jsonl") for name in names) == 3


def test_shards_hold_slots_of_a_limit(lake: DatalakeHook, saved: str, folder: Path) -> None:
    ensure_limits({"one-shard-at-a-time": 1})

    summary = ingest_folder(str(folder), credentials=saved, max_files=4, limit="one-shard-at-a-time")

    assert summary["counts"]["UPLOADED"] == 10


def test_a_folder_of_more_than_a_thousand_files_is_ingested_by_shards(
    lake: DatalakeHook, saved: str, tmp_path: Path
) -> None:
    crowd = tmp_path / "crowd"
    crowd.mkdir()
    Image.new("RGB", (8, 8)).save(crowd / "first.png")
    picture = (crowd / "first.png").read_bytes()
    for number in range(1, 1_200):
        # What follows the end of a PNG changes its content, and not its picture.
        (crowd / f"{number:05}.png").write_bytes(picture + number.to_bytes(4, "big"))

    summary = ingest_folder(str(crowd), credentials=saved, tags="crowd")

    assert summary["counts"]["UPLOADED"] == lake.count_data(tags="crowd") == 1_200
    assert summary["shards"] == 2
