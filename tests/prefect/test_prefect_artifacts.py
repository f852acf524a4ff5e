"""What people see of an upload: progress, a link, a table, a few pictures; and no secret in any of it."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from PIL import Image
from prefect import flow, get_client, runtime
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import Artifact

from datalake_ops.errors import ConfigurationError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from prefect_tasks import DatalakeCredentials, ensure_limits, ingest_folder, upload_data
from prefect_tasks.ui.artifacts import ProgressArtifact, summary_rows
from prefect_tasks.ui.sample import sample_markdown

pytestmark = pytest.mark.usefixtures("prefect_api")
AnImage = Callable[[str], Path]


def artifacts_of(run_id: str) -> dict[str, Artifact]:
    """The artifacts of a flow run, by key."""
    with get_client(sync_client=True) as client:
        wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(run_id)]))
        return {str(one.key): one for one in client.read_artifacts(artifact_filter=wanted)}


def run_id() -> str:
    return str(runtime.flow_run.id)


def test_an_upload_shows_progress_link_table_and_sample(
    platform: PlatformServer, lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.png"

    @flow
    def upload() -> str:
        images = [an_image(f"{number}.png") for number in range(3)]
        upload_data(credentials, [*images, missing], allow_failures=True)
        return run_id()

    found = artifacts_of(upload())

    assert (found["datalake-progress"].type, found["datalake-progress"].data) == ("progress", 100.0)
    assert lake.datalake_url() in str(found["datalake-page"].data)
    rows = json.loads(str(found["datalake-summary"].data))
    assert {"what": "uploaded", "files": 3, "reason": ""} in rows
    assert any(row["what"] == str(missing) and "missing.png" in row["reason"] for row in rows)
    pictures = re.findall(r"data:image/jpeg;base64,([^)]+)\)", str(found["datalake-sample"].data))
    assert len(pictures) == 3
    assert max(Image.open(io.BytesIO(base64.b64decode(text))).size for text in pictures) == (112, 84)
    everything = json.dumps([str(one.model_dump()) for one in found.values()])
    assert platform.token not in everything
    assert "Signature" not in everything


def test_artifacts_can_be_left_out(credentials: DatalakeCredentials, an_image: AnImage) -> None:
    image = an_image("a.png")

    @flow
    def upload() -> str:
        upload_data(credentials, image, artifacts=False)
        return run_id()

    assert artifacts_of(upload()) == {}


def test_progress_is_told_at_most_once_per_interval() -> None:
    now = [0.0]

    @flow
    def told() -> list[float]:
        card, seen = ProgressArtifact("work", every=5.0, clock=lambda: now[0]), []
        for second in range(13):
            now[0] = float(second)
            card(second, f"{second} of 13")
            seen.append(float(str(artifacts_of(run_id())["datalake-progress"].data)))
        card.end("done")
        seen.append(float(str(artifacts_of(run_id())["datalake-progress"].data)))
        return seen

    assert told() == [0.0] * 5 + [5.0] * 5 + [10.0] * 3 + [100.0]


def test_a_sample_is_small_and_shows_only_pictures(lake: DatalakeHook, some_data: list[str]) -> None:
    sheet = sample_markdown(lake, some_data, most=2)

    assert sheet is not None
    assert sheet.count("data:image/jpeg") == 2
    assert len(sheet) < 20_000
    assert lake.connection.host not in sheet


def test_an_upload_and_a_folder_survive_a_sample_and_a_lineage_that_cannot_be_made(
    platform: PlatformServer, lake: DatalakeHook, credentials: DatalakeCredentials, an_image: AnImage
) -> None:
    listing = platform.script_fault("XGET", "/api/datalake/.*/datas", status=400, count=100)
    credentials.save(name := f"lake-{uuid4().hex[:8]}")
    image = an_image("one/a.png")
    folder = an_image("two/b.png").parent

    @flow
    def upload() -> dict[str, Any]:
        return upload_data(credentials, image, if_exists="upload")

    counts = upload()["counts"]
    met = platform.faults_met(listing)
    platform.clear_faults()
    # The one shard gets its answers; whoever shows afterwards what became of it gets none.
    later = platform.script_fault("GET", "/api/home/ping", status=400, after=1, count=100)
    ingested = ingest_folder(str(folder), credentials=name)["counts"]

    assert met == 1
    assert platform.faults_met(later) == 2
    assert counts["UPLOADED"] == ingested["UPLOADED"] == 1


def test_what_signs_the_address_of_a_file_is_in_no_result_log_or_state(
    credentials: DatalakeCredentials, an_image: AnImage, caplog: pytest.LogCaptureFixture
) -> None:
    image = an_image("a.png")
    # Nobody listens there; the files behind these addresses fail without leaving this machine.
    signed = [f"http://me:word-{number}@127.0.0.1:9/{number}.png?X-Signature=secret-{number}" for number in range(2)]

    @flow
    def upload() -> tuple[dict[str, Any], Any, Any]:
        partly = upload_data(credentials, [image, signed[0]], allow_failures=True)
        states = (upload_data(credentials, some, return_state=True) for some in ([image, signed[1]], signed))
        return partly, *states  # type: ignore[return-value]

    partly, failed, nothing = upload()

    told = [json.dumps(partly), caplog.text]
    for state in (failed, nothing):
        error = state.result(raise_on_failure=False)
        told += [str(state.message), str(error), *(f"{one} {one.path}" for one in getattr(error, "errors", [error]))]
    assert "127.0.0.1:9/0.png" in told[0]
    assert not re.findall("word-|secret-|X-Sig", "".join(told))


def test_a_table_says_how_many_failures_it_does_not_name() -> None:
    summary = {
        "counts": {"UPLOADED": 1, "SKIPPED": 0, "FAILED": 3},
        "errors": [{"path": "https://host/a.png?sig=secret", "error": "https://host/a.png?sig=secret is empty."}],
        "errors_left_out": 2,
    }

    rows = summary_rows(summary)

    assert [row["files"] for row in rows] == [1, 3, 1, 2]
    assert "secret" not in str(rows)


def test_an_upload_holds_a_slot_of_its_limit(credentials: DatalakeCredentials, an_image: AnImage) -> None:
    image = an_image("a.png")

    @flow
    def upload(limit: str) -> dict[str, Any]:
        return upload_data(credentials, image, limit=limit, artifacts=False)

    with pytest.raises(ConfigurationError, match="no concurrency limit 'datalake-uploads'"):
        upload("datalake-uploads")
    assert ensure_limits() == {"datalake-uploads": 8}
    assert ensure_limits({"datalake-uploads": 2}) == {"datalake-uploads": 2}
    assert upload("datalake-uploads")["counts"]["UPLOADED"] == 1

    with get_client(sync_client=True) as client:
        limit = client.read_global_concurrency_limit_by_name("datalake-uploads")
    assert (limit.limit, limit.active_slots) == (2, 0)
