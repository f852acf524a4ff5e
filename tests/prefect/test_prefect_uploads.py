"""The task `upload_data`, in real flow runs against a real platform."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from datalake_ops.errors import NothingDoneError, UploadError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from prefect_tasks import DatalakeCredentials, upload_data

pytestmark = pytest.mark.usefixtures("prefect_api")
AnImage = Callable[[str], Path]


def test_uploads_with_tags_source_and_metadata_and_sums_up(
    lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage
) -> None:
    an_image("in/a.png")
    folder = an_image("in/b.png").parent

    @flow
    def upload() -> dict[str, Any]:
        return upload_data(credentials, folder, tags=["night"], source="camera", custom_metadata={"line": 3})

    summary = upload()

    found = lake.list_data(tags="night", order_by=["filename"])
    assert [data.filename for data in found] == ["a.png", "b.png"]
    assert [str(one) for one in found.ids] == summary["data_ids"]
    assert summary["counts"]["UPLOADED"] == 2
    assert {(data.data_source.name if data.data_source else None) for data in found} == {"camera"}
    assert json.loads(json.dumps(summary)) == summary


def test_what_the_platform_does_not_read_is_left_out_or_fails_the_task(
    lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage
) -> None:
    folder = an_image("in/a.png").parent
    # A box of this brand begins a camera raw file.
    (folder / "b.cr3").write_bytes(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom")

    @flow
    def upload(unsupported: str) -> dict[str, Any]:
        return upload_data(credentials, folder, unsupported=unsupported, fill_metadata="full")

    with pytest.raises(UploadError, match="camera raw"):
        upload("fail")
    assert upload("skip")["counts"] == {"UPLOADED": 0, "SKIPPED": 1, "FAILED": 0, "UNPROCESSABLE": 0, "UNSUPPORTED": 1}


def test_a_retried_flow_does_not_upload_twice(
    lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage
) -> None:
    tries = []
    image = an_image("a.png")

    @flow(retries=1)
    def upload() -> dict[str, Any]:
        summary: dict[str, Any] = upload_data(credentials, image)
        tries.append(summary)
        if len(tries) < 2:
            raise RuntimeError("after the upload")
        return summary

    upload()

    assert tries[0] == tries[1]
    assert lake.count_data() == 1


def test_the_same_upload_to_another_lake_is_another_upload(
    platform: PlatformServer, lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage
) -> None:
    platform.add_lake(other := f"{lake.context.datalake.name}-other")
    there = credentials.model_copy(update={"datalake_name": other})
    for where in (credentials, there):
        where.save(str(where.datalake_name))
    image = an_image("a.png")

    @flow
    def upload() -> list[dict[str, Any]]:
        wheres = (credentials, there, str(credentials.datalake_name), other)
        return [upload_data(where, image)["counts"] for where in wheres]

    counts = upload()

    assert [(one["UPLOADED"], one["SKIPPED"]) for one in counts] == [(1, 0), (1, 0), (0, 1), (0, 1)]


def test_a_broken_file_fails_the_task_after_the_others_are_uploaded(
    lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.png"

    @flow
    def upload() -> None:
        upload_data(credentials, [an_image("a.png"), missing])

    with pytest.raises(UploadError, match="1 of 2 files were not uploaded") as raised:
        upload()

    assert raised.value.path == str(missing)
    assert lake.count_data() == 1


def test_a_broken_file_may_be_allowed_and_is_named_in_the_summary_and_the_report(
    credentials: DatalakeCredentials, an_image: AnImage, tmp_path: Path
) -> None:
    missing, report = tmp_path / "missing.png", tmp_path / "report.jsonl"

    @flow
    def upload() -> dict[str, Any]:
        return upload_data(credentials, [missing, an_image("a.png")], report=report, allow_failures=True)

    summary = upload()

    assert [row["path"] for row in summary["errors"]] == [str(missing)]
    rows = [json.loads(line) for line in Path(summary["report"]).read_text().splitlines()]
    assert [row["status"] for row in rows] == ["FAILED", "UPLOADED"]


def test_an_upload_in_which_every_file_fails_fails_also_when_failures_are_allowed(
    credentials: DatalakeCredentials, tmp_path: Path
) -> None:
    @flow
    def upload() -> None:
        upload_data(credentials, [tmp_path / "missing.png"], allow_failures=True)

    with pytest.raises(NothingDoneError):
        upload()


def test_a_task_is_tried_again_when_the_platform_was_away(
    platform: PlatformServer, lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage
) -> None:
    # The hook gives up after six refusals of its own; the task's next try finds the platform well.
    fault = platform.script_fault("GET", "/api/home/ping", status=503, count=6, retry_after=0)
    image = an_image("a.png")

    @flow
    def upload() -> dict[str, Any]:
        return upload_data.with_options(retry_delay_seconds=0)(credentials, image)

    assert upload()["counts"]["UPLOADED"] == 1
    assert platform.faults_met(fault) == 6


def test_a_task_with_a_wrong_token_is_not_tried_again(
    platform: PlatformServer, credentials: DatalakeCredentials, an_image: AnImage
) -> None:
    wrong = DatalakeCredentials(host=credentials.host, api_token="dlo_wrong")
    image = an_image("a.png")

    @flow
    def upload() -> None:
        upload_data(wrong, image)

    state = upload(return_state=True)

    assert state.is_failed()
    assert sum(request["path"] == "/api/home/ping" for request in platform.requests()) == 1


def test_an_unsaved_block_leaves_no_token_in_the_run(
    platform: PlatformServer, credentials: DatalakeCredentials, an_image: AnImage
) -> None:
    image = an_image("a.png")

    @flow
    def upload(lake: DatalakeCredentials) -> str:
        upload_data(lake, image)
        from prefect import runtime

        return str(runtime.flow_run.id)

    run_id = upload(credentials)

    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])))
    assert platform.token not in str(runs[0].model_dump())
