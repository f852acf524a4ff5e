"""Origin of jobs and data: the jobs that made or touched a data, and the orchestrator's run that a job belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import Connection, Row, select

from datalake_ops.platform.objects.names import payload_name
from datalake_ops.platform.objects.object_store import PLATFORM, LocalObjectStore
from datalake_ops.platform.services import ObjectStore
from datalake_ops.platform.store import schema
from datalake_ops.wire.jobs import RUN_URL_LABEL, JobKind

# Processings of a lake whose data are looked through for one data, the newest first, and bytes of each list.
PROCESSINGS = 50
_LIST_BYTES = 64 * 1024 * 1024
_JOB = schema.job.c


@dataclass(frozen=True)
class Origin:
    """Starter of a job, in words; `address` opens its run in the orchestrator, empty where that is not known."""

    words: str
    address: str = ""


def origin_of(labels: Mapping[str, str] | None) -> Origin | None:
    """Return the run that started a job, by the job's labels; None if they tell of none."""
    told = labels or {}
    if told.get("dag_id"):
        return _airflow(told)
    if told.get("flow_run_id"):
        return _prefect(told)
    if told.get("orchestrator") == "console":
        return Origin(f"{told.get('user', 'somebody')}, in the console")
    return None


def _airflow(labels: Mapping[str, str]) -> Origin:
    dag, run, task = (labels.get(name, "") for name in ("dag_id", "run_id", "task_id"))
    mapped = f" [{labels['map_index']}]" if labels.get("map_index") else ""
    return Origin(f"Airflow: DAG {dag}, run {run}, task {task}{mapped}", _http(labels.get(RUN_URL_LABEL, "")))


def _prefect(labels: Mapping[str, str]) -> Origin:
    return Origin(f"Prefect: flow run {labels['flow_run_id']}", _http(labels.get(RUN_URL_LABEL, "")))


def _http(text: str) -> str:
    """Address of a label, which anybody may have written; empty if it is not one of the web."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme in ("http", "https") and parts.netloc else ""


def import_of(connection: Connection, lake_key: int, seq: int) -> Row[Any] | None:
    """Return the import that registered a data, None if none did."""
    cursor = schema.import_cursor
    source = schema.job.join(cursor, cursor.c.job_id == _JOB.id)
    spans = (_JOB.lake_key == lake_key, cursor.c.first_seq <= seq, cursor.c.last_seq >= seq)
    # Imports run one after the other, so that the span of one holds no data of another.
    return connection.execute(select(schema.job).select_from(source).where(*spans).limit(1)).first()


def recent_processings(connection: Connection, lake_key: int) -> Sequence[Row[Any]]:
    """Return the newest processings of a lake, with the name of each as `processing_name`."""
    processing = schema.processing.c
    source = schema.job.outerjoin(schema.processing, processing.id == _JOB.processing_id)
    statement = select(schema.job, processing.name.label("processing_name")).select_from(source)
    own = (_JOB.lake_key == lake_key, _JOB.kind == JobKind.PROCESSING.value)
    return connection.execute(statement.where(*own).order_by(_JOB.created_at.desc()).limit(PROCESSINGS)).all()


def jobs_on(objects: ObjectStore, jobs: Sequence[Row[Any]], data: UUID) -> list[Row[Any]]:
    """Return those jobs whose list of data names one; reads the lists, so that it is called in a worker thread."""
    store, sought = cast("LocalObjectStore", objects), str(data).encode()
    return [job for job in jobs if sought in _list_of(store, job.id)]


def _list_of(store: LocalObjectStore, job: UUID) -> bytes:
    try:
        opened = store.open(PLATFORM, payload_name(job))
    except FileNotFoundError:
        return b""
    with closing(opened.file) as file:
        return file.read(_LIST_BYTES)
