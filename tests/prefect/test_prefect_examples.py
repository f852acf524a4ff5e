"""Every example runs, as a user would run it: its flow is called, with the environment of its defaults."""

from __future__ import annotations

import asyncio
import inspect
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from datalake_ops.demo.photographs import SHIPPED
from datalake_ops.errors import IncompleteUploadError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from prefect_tasks import DatalakeCredentials, DatalakeJob
from prefect_tasks.flows import ingest_and_process

pytestmark = pytest.mark.usefixtures("prefect_api")
EXAMPLES = Path(__file__).parents[2] / "example_dags" / "prefect"
# The README's is run by the end-to-end tests, what is served by those of deployments.
RUN_ELSEWHERE = {"ingest_and_process", "serve_flows"}
Run = Callable[..., Any]


@pytest.fixture
def run(platform: PlatformServer, lake: DatalakeHook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Calls the flow of an example, with three photographs in its folder and two in its bucket."""
    photographs = sorted(SHIPPED.glob("*.jpg"))
    prefix = f"{uuid4().hex[:8]}/"
    for place, some in ((tmp_path / "in", photographs[:3]), (platform.bucket / prefix, photographs[3:5])):
        place.mkdir(parents=True)
        for photograph in some:
            shutil.copy(photograph, place)
    environment = {
        "DATALAKE_HOST": platform.url,
        "DATALAKE_API_TOKEN": platform.token,
        "DATALAKE_NAME": lake.context.datalake.name,
        "DATALAKE_FOLDER": str(tmp_path / "in"),
        "DATALAKE_PREFIX": prefix,
        "DATALAKE_TAG": "ingested",
        "DATALAKE_OBJECTS": ",".join(photograph.name for photograph in photographs[3:5]),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def call(example: str, **parameters: Any) -> Any:
        flow = runpy.run_path(str(EXAMPLES / f"{example}.py"))[example]
        answer = flow(**parameters)
        return asyncio.run(answer) if inspect.iscoroutine(answer) else answer

    return call


@pytest.fixture
def upload(lake: DatalakeHook, run: Run) -> None:
    lake.upload(sorted((Path.cwd() / "in").iterdir()), tags=["ingested"])


def test_upload_folder(lake: DatalakeHook, run: Run, tmp_path: Path) -> None:
    summary = run("upload_folder")

    assert summary["counts"]["UPLOADED"] == 3
    assert lake.count_data(tags="line-3") == 3
    assert len((tmp_path / "report.jsonl").read_text().splitlines()) == 3


def test_ingest_large_folder(lake: DatalakeHook, run: Run, tmp_path: Path) -> None:
    (tmp_path / "in" / "broken.jpg").write_bytes(b"")

    with pytest.raises(IncompleteUploadError, match="1 of 4 files"):
        run("ingest_large_folder")
    (tmp_path / "in" / "broken.jpg").unlink()
    summary = run("ingest_large_folder", checkpoints="other")

    assert summary["files"] == 0
    assert lake.count_data(tags="bulk") == 3


def test_import_listed_objects(lake: DatalakeHook, run: Run) -> None:
    assert run("import_listed_objects") == ["SUCCEEDED"]
    assert lake.count_data(tags="listed") == 2


def test_import_bucket_imports_only_what_is_new(lake: DatalakeHook, run: Run) -> None:
    assert run("import_bucket")["status"] == "SUCCEEDED"
    assert run("import_bucket")["status"] == "SUCCEEDED"

    assert lake.count_data(tags="imported") == 2


@pytest.mark.usefixtures("upload")
def test_process_side_by_side(run: Run) -> None:
    assert [job["status"] for job in run("process_side_by_side")] == ["SUCCEEDED", "SUCCEEDED"]


@pytest.mark.usefixtures("upload")
def test_tag_by_query(lake: DatalakeHook, run: Run) -> None:
    assert run("tag_by_query") == 3
    assert lake.count_data(tags=["validated", "new"], intersect_tags=True) == 3


@pytest.mark.usefixtures("upload")
def test_run_saved_job(platform: PlatformServer, lake: DatalakeHook, run: Run) -> None:
    block = DatalakeCredentials.from_connection(lake.connection)
    name = f"thumbnails-{uuid4().hex[:8]}"
    DatalakeJob(credentials=block, processing="thumbnails", tags=["ingested"]).save(name)

    assert run("run_saved_job", name=name)["status"] == "SUCCEEDED"


@pytest.mark.usefixtures("upload")
def test_process_overnight_waits_in_its_process_without_a_deployment(run: Run) -> None:
    assert run("process_overnight") == {"jobs": ["SUCCEEDED", "SUCCEEDED"], "data": 3}


@pytest.mark.usefixtures("upload")
def test_hand_over_job(run: Run, lake: DatalakeHook) -> None:
    done = run("hand_over_job")

    assert done["status"] == "SUCCEEDED"
    assert done["log"]


def test_the_flow_of_the_package(run: Run, monkeypatch: pytest.MonkeyPatch, lake: DatalakeHook) -> None:
    import os

    summary = ingest_and_process(os.environ["DATALAKE_FOLDER"], os.environ["DATALAKE_PREFIX"])

    assert summary["data"] == lake.count_data() == 5
    assert [job["status"] for job in summary["jobs"]] == ["SUCCEEDED"] * 3


def test_no_example_is_forgotten() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}

    for example in EXAMPLES.glob("*.py"):
        assert example.stem in RUN_ELSEWHERE or any(name.startswith(example.stem) for name in tested)
