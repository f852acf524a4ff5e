"""Uploads by tasks: summaries that fit an XCom, ids and reports as files, manifests, shards, storages by connection."""

from __future__ import annotations

import inspect
import json
import logging
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import fsspec
import pytest
from airflow.exceptions import AirflowException
from airflow.providers.common.compat.sdk import DAG

from airflow_provider.operators.abstract.stoppable import StoppableOperator
from airflow_provider.operators.shards import PlanShardsOperator
from airflow_provider.operators.upload import UploadDataOperator
from datalake_ops.errors import ConfigurationError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.airflow import DagOutcome, load_dags, run_dag
from datalake_ops.testing.server import PlatformServer
from tests.airflow.versions import AIRFLOW, TEST_DAGS, attach

DAGS = load_dags(TEST_DAGS)
STORAGE_SECRET = "s3cr3t-of-the-storage"


def run(dag_id: str, **conf: Any) -> DagOutcome:
    return run_dag(DAGS[dag_id], conf)


def a_folder(an_image: Callable[[str], Path], name: str, count: int) -> Path:
    paths = [an_image(f"{name}/{number}.png") for number in range(count)]
    return paths[0].parent


@pytest.fixture
def photos(an_image: Callable[[str], Path]) -> Path:
    """A folder of five images."""
    return a_folder(an_image, "photos", 5)


@pytest.fixture
def store(an_image: Callable[[str], Path]) -> Iterator[str]:
    """A storage that Airflow's connection `store` opens, with five images; its address."""
    fs = fsspec.filesystem("memory", secret=STORAGE_SECRET)
    attach(protocol="memory", conn_id="store", fs=fs)
    root = f"/bucket-{uuid4().hex}"
    for number in range(5):
        fs.pipe_file(f"{root}/in/{number}.png", an_image(f"{number}.png").read_bytes())
    yield f"memory:/{root}"
    fs.rm(root, recursive=True)


def test_a_summary_fits_its_bound_and_has_all_ids_or_none(lake: DatalakeHook, an_image: Callable[[str], Path]) -> None:
    few = run("uploads", source=str(a_folder(an_image, "few", 3)))
    many = run("uploads", source=str(a_folder(an_image, "many", 60)))

    small, large = few.xcom("upload"), many.xcom("upload")
    assert len(small["data_ids"]) == 3
    assert (large["data_ids"], large["data_ids_left_out"]) == ([], 60)
    assert max(len(json.dumps(summary)) for summary in (small, large)) <= 2000


def test_ids_and_report_go_to_files(lake: DatalakeHook, photos: Path, tmp_path: Path) -> None:
    outcome = run(
        "uploads", source=str(photos), ids=str(tmp_path / "ids" / "all.txt"), report=f"file://{tmp_path}/r.jsonl"
    )

    summary = outcome.xcom("upload")
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert Path(summary["data_ids_file"]).read_text().split() == [row["data_id"] for row in rows]
    assert {row["data_id"] for row in rows} == {str(one.id) for one in lake.list_data()}
    assert summary["report"] == f"file://{tmp_path}/r.jsonl"


def test_a_failed_upload_keeps_its_summary_and_its_report(
    lake: DatalakeHook, photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (photos / "broken.png").write_bytes(b"no image")

    outcome = run("uploads", source=str(photos), report=str(tmp_path / "report.jsonl"))

    assert outcome.tasks == {"upload": "failed"}
    assert outcome.xcom("upload", "summary")["counts"]["UPLOADED"] == 5
    assert len((tmp_path / "report.jsonl").read_text().splitlines()) == 6
    log = capfd.readouterr().out
    assert "IncompleteUploadError" in log
    broken = photos / "broken.png"
    assert str(broken) in log
    assert f"{broken}: {broken}" not in log
    assert lake.count_data() == 6


def test_a_manifest_gives_files_with_tags_of_their_own(lake: DatalakeHook, photos: Path) -> None:
    rows = [{"path": "0.png", "tags": ["rain"]}, {"path": "1.png"}, {"path": "missing.png"}]
    (photos / "files.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    outcome = run("uploads_manifest", source=str(photos / "files.jsonl"))

    assert outcome.tasks == {"upload": "success"}
    assert [data.filename for data in lake.list_data(tags="rain")] == ["0.png"]
    assert lake.count_data() == 2


def test_shards_carry_the_connection_of_their_storage_and_airflow_keeps_no_secret(
    lake: DatalakeHook, platform: PlatformServer, store: str, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = run("uploads_from_storage", source=f"{store}/in", storage_conn_id="store", ids=f"{store}/ids")

    fs = fsspec.filesystem("memory")
    shards, merged = outcome.xcom("plan"), outcome.xcom("merge")
    assert [shard["files"] for shard in shards] == [2, 2, 1]
    assert {shard["storage_conn_id"] for shard in shards} == {"store"}
    assert merged["counts"]["UPLOADED"] == 5
    ids = fs.cat_file(merged["data_ids_file"].removeprefix("memory:/")).decode().split()
    assert sorted(ids) == sorted(str(one.id) for one in lake.list_data())
    assert len(ids) == 5
    kept = kept_by_airflow()
    assert "uploads_from_storage" in kept
    assert [one for one in (STORAGE_SECRET, platform.token) if one in kept + capfd.readouterr().out] == []


def kept_by_airflow() -> str:
    """All that is in Airflow's database: serialized DAGs, rendered fields, XComs and the rest."""
    with closing(sqlite3.connect(Path(os.environ["AIRFLOW_HOME"]) / "airflow.db")) as database:
        # Airflow 2 runs a DAG in one process without writing it down.
        assert AIRFLOW < (3,) or database.execute("select count(*) from serialized_dag").fetchone()[0] > 0
        return "\n".join(database.iterdump())


@pytest.mark.parametrize("operator", [UploadDataOperator, PlanShardsOperator])
@pytest.mark.parametrize("place", ["task", "dag", "argument"])
def test_options_of_a_storage_are_refused_for_airflow_would_store_them(operator: type[Any], place: str) -> None:
    options = {"storage_options": {"secret": STORAGE_SECRET}}
    task = {"argument": options, "task": {"default_args": options}, "dag": {}}[place]

    with (
        DAG("d", default_args=options if place == "dag" else {}),
        pytest.raises(ConfigurationError, match="storage_conn_id") as refused,
    ):
        operator(task_id="t", **task)

    assert STORAGE_SECRET not in str(refused.value)
    # Airflow itself refuses to map with, or over, what no `__init__` names.
    assert "storage_options" not in inspect.signature(operator.__init__).parameters


def test_an_upload_that_airflow_stops_breaks_off_and_fails(
    lake: DatalakeHook, platform: PlatformServer, photos: Path
) -> None:
    slow = platform.script_fault("POST", "/datas$", delay=100, count=100)
    upload = UploadDataOperator(task_id="upload", filepaths=str(photos))
    context: Any = {"ti": SimpleNamespace(xcom_push=lambda **_: None)}

    def stop_when_it_is_at_work() -> None:
        while not platform.faults_met(slow):
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGUSR1)

    # Airflow calls `on_kill` in a signal handler, too.
    before = signal.signal(signal.SIGUSR1, lambda *_: upload.on_kill())
    threading.Thread(target=stop_when_it_is_at_work, daemon=True).start()
    started_at = time.monotonic()
    try:
        with pytest.raises(AirflowException, match="stopped the task before"):
            upload.execute(context)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert time.monotonic() - started_at < 80


class _Terminating(logging.Handler):
    """Sends this process a signal when something is logged."""

    def emit(self, record: logging.LogRecord) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)


@pytest.mark.parametrize("goes_on", [False, True], ids=["broken off", "swallowed"])
def test_an_upload_that_is_stopped_after_its_last_file_fails_too(
    lake: DatalakeHook, photos: Path, tmp_path: Path, goes_on: bool
) -> None:
    upload = UploadDataOperator(task_id="upload", filepaths=str(photos), ids_to=str(tmp_path / "ids.txt"))
    context: Any = {"ti": SimpleNamespace(xcom_push=lambda **_: None)}

    with stopping_at_its_log(upload, goes_on), pytest.raises(AirflowException, match="stopped the task before"):
        upload.execute(context)

    assert lake.count_data() == 5


@pytest.mark.parametrize("goes_on", [False, True], ids=["broken off", "swallowed"])
def test_what_works_without_the_lake_is_stopped_too(photos: Path, goes_on: bool) -> None:
    plan = PlanShardsOperator(task_id="plan", filepaths=str(photos), max_files=2)

    with stopping_at_its_log(plan, goes_on), pytest.raises(AirflowException, match="stopped the task before"):
        plan.execute({})


@contextmanager
def stopping_at_its_log(operator: StoppableOperator, goes_on: bool) -> Iterator[None]:
    """Calls `on_kill` as Airflow does when the operator logs, which both do after their work; it may go on."""

    def stop(*_: Any) -> None:
        with suppress(AirflowException if goes_on else ()):
            operator.on_kill()

    before = signal.signal(signal.SIGUSR1, stop)
    log, terminating = logging.getLogger("tests.terminating"), _Terminating()
    log.setLevel(logging.INFO)
    log.addHandler(terminating)
    try:
        # Its name and its kind differ between versions of Airflow.
        with patch.object(type(operator), "log", log):
            yield
    finally:
        log.removeHandler(terminating)
        signal.signal(signal.SIGUSR1, before)


def test_a_plan_of_more_shards_than_airflow_maps_over_says_so(
    lake: DatalakeHook, photos: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = run("plans_too_many", source=str(photos))

    assert outcome.tasks == {"plan": "failed"}
    assert "The plan has 5 shards, and Airflow maps over 2" in capfd.readouterr().out
