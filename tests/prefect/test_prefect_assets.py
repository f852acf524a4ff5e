"""Lineage in Prefect: asset events with the keys of Airflow's URIs, and an artifact for servers without that page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from prefect import flow, get_client, runtime
from prefect.assets import Asset
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import Artifact
from prefect.events.worker import EventsWorker

from datalake_ops.hook import DatalakeHook
from datalake_ops.lineage import LakeUri
from datalake_ops.testing import PlatformServer
from prefect_tasks import DatalakeCredentials, launch_processing, upload_data, wait_for_job
from prefect_tasks.ui.assets import Materialization, emit_materialization, lake_uri
from prefect_tasks.waits.job_progress import JobProgressArtifact
from tests.prefect.job_looks import await_first_look

pytestmark = pytest.mark.usefixtures("prefect_api")
AnImage = Callable[[str], Path]
EndWell = Callable[[str], None]
ODD = LakeUri.of("https://app.picsellia.com", "Größe & Co", "photos é?").with_(tags=["a b"], q='width > 3 and a = "b"')


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The asset events that are sent from now on."""
    seen: list[dict[str, Any]] = []
    send = EventsWorker.send

    def note(self: EventsWorker, event: Any) -> None:
        if event.event.startswith("prefect.asset"):
            seen.append(event.model_dump())
        send(self, event)

    monkeypatch.setattr(EventsWorker, "send", note)
    return seen


def artifacts_of(run_id: str) -> dict[str, Artifact]:
    """The artifacts of a flow run, by key."""
    with get_client(sync_client=True) as client:
        wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(run_id)]))
        return {str(one.key): one for one in client.read_artifacts(artifact_filter=wanted)}


def test_an_upload_tells_what_it_wrote_and_from_where(
    platform: PlatformServer,
    lake: DatalakeHook,
    credentials: DatalakeCredentials,
    an_image: AnImage,
    events: list[dict[str, Any]],
) -> None:
    folder = an_image("in/a.png").parent

    @flow
    def upload() -> str:
        upload_data(credentials, folder, tags=["night", "rain"], source="camera")
        return str(runtime.flow_run.id)

    page = str(artifacts_of(upload())["datalake-lineage"].data)

    uri = lake_uri(lake)
    written = [uri, uri.with_(tags=["night"]), uri.with_(tags=["rain"]), uri.with_(source="camera")]
    told = [event for event in events if event["event"] == "prefect.asset.materialization.succeeded"]
    assert [event["resource"]["prefect.resource.id"] for event in told] == [one.key for one in written]
    assert all(one["payload"]["counts"]["UPLOADED"] == 1 for one in told)
    assert {"prefect.resource.id": f"file://{folder}", "prefect.resource.role": "asset"} in told[0]["related"]
    assert all(f"`{one}`" in page for one in written)
    assert page.count(folder.as_uri()) == 1
    assert "counts: 1 uploaded" in page
    assert platform.token not in page + str(events)


@pytest.mark.parametrize("uri", [ODD, ODD.lake, ODD.with_(source="a/b")])
def test_every_key_is_one_that_prefect_takes(uri: LakeUri) -> None:
    assert Asset(key=uri.key).key == uri.key


def test_lineage_that_cannot_be_told_fails_nothing(lake: DatalakeHook, caplog: pytest.LogCaptureFixture) -> None:
    assert emit_materialization(lake, Materialization.of("x" * 600, None)) == []


def test_many_tags_are_told_as_the_lake_alone_and_many_files_as_their_folders(tmp_path: Path) -> None:
    many = Materialization.of(
        [f"t{number}" for number in range(21)], None, [tmp_path / f"{number}.png" for number in range(21)]
    )

    assert many.assets(ODD.lake) == [ODD.lake]
    assert many.reads == (tmp_path.as_uri(),)


@pytest.mark.usefixtures("processings")
def test_a_job_that_runs_shows_a_link_and_how_long_it_will_take(
    platform: PlatformServer, lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str],
    end_well: EndWell, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("prefect_tasks.waits.job_progress._QUICK_SECONDS", 0.0)

    def end_when_seen(job: str) -> None:
        await_first_look(platform, job)
        end_well(job)

    @flow
    def process() -> tuple[str, str]:
        job = launch_processing(credentials, "until-told", some_data)
        platform.clear_requests()
        ending = Thread(target=end_when_seen, args=(job,))
        ending.start()
        wait_for_job(credentials, job, wait="poll")
        ending.join()
        return str(runtime.flow_run.id), job

    run, job = process()

    found = artifacts_of(run)
    assert lake.job_url(job) in str(found["datalake-page"].data)
    assert found["datalake-progress"].data == 100.0
    assert "SUCCEEDED" in str(found["datalake-progress"].description)


def test_a_running_job_is_measured_by_its_like(
    lake: DatalakeHook, credentials: DatalakeCredentials, some_data: list[str]
) -> None:
    marks = {"orchestrator": "prefect", "work": f"like-{some_data[0]}"}
    job = lake.wait_for_job(lake.launch_processing("thumbnails", some_data, labels=marks))
    card = JobProgressArtifact(credentials, None)

    card._usual = card._usual_seconds(job)
    running = job.model_copy(update={"status": type(job.status).RUNNING, "finished_at": None})
    percent, text = card._told(running)

    assert card._usual
    assert 0 < percent <= 95
    assert "RUNNING" in text
    assert "left" in text or "longer than the usual" in text
