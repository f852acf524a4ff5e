"""Operations on jobs, and those that start one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from datalake_ops.client.operation import Operation, Repeat, items, model, query
from datalake_ops.wire import routes
from datalake_ops.wire.data import DataChange
from datalake_ops.wire.jobs import IDEMPOTENCY_HEADER, LABELS_HEADER, ImportAnswer, Job, LogPage, OnChanged
from datalake_ops.wire.processings import ProcessingLaunch


@dataclass(frozen=True)
class JobMark:
    """Means to find a job again: a key by which a second launch returns the first job, and labels.

    Only for platforms that announce `idempotency-key` and `job-labels`; others ignore the headers.
    """

    idempotency_key: str | None = None
    labels: Mapping[str, str] | None = None

    def headers(self) -> dict[str, str]:
        """The headers of a launch or an import."""
        headers = {}
        if self.idempotency_key:
            headers[IDEMPOTENCY_HEADER] = self.idempotency_key
        if self.labels:
            headers[LABELS_HEADER] = json.dumps(dict(self.labels), separators=(",", ":"))
        return headers

    @property
    def repeat(self) -> Repeat:
        """With a key the platform itself sees to it that a second request starts nothing."""
        return Repeat.FREELY if self.idempotency_key else Repeat.ONCE


@dataclass(frozen=True)
class ImportOptions:
    """Options of an import that the public wire does not know; those at their defaults are left out of the body."""

    on_changed: OnChanged = OnChanged.SKIP
    fill_metadata: str | None = None

    def body(self) -> dict[str, Any]:
        """Return the fields of the body."""
        changed = {} if self.on_changed is OnChanged.SKIP else {"on_changed": self.on_changed.value}
        return changed if self.fill_metadata is None else {**changed, "fill_metadata": self.fill_metadata}


@dataclass(frozen=True)
class ImportMarks:
    """Tags and source for all data of an import, and its options."""

    tag_ids: Sequence[UUID] = ()
    source: UUID | None = None
    options: ImportOptions = ImportOptions()


def import_prefixes(
    datalake: UUID, prefixes: Iterable[str], marks: ImportMarks, mark: JobMark
) -> Operation[ImportAnswer]:
    """Import what the lake's bucket holds under the prefixes."""
    body: dict[str, Any] = {"datalake_id": datalake, "prefixes": list(prefixes), "tag_ids": list(marks.tag_ids)}
    if marks.source is not None:
        body["data_source_id"] = marks.source
    return _import(datalake, body | marks.options.body(), mark)


def import_objects(
    datalake: UUID, objects: Mapping[str, DataChange], mark: JobMark, options: ImportOptions = ImportOptions()
) -> Operation[ImportAnswer]:
    """Import 1 to 500 objects of the lake's bucket, each with its own metadata, tags and source."""
    body = {"datalake_id": datalake, "objects": {name: change.payload() for name, change in objects.items()}}
    return _import(datalake, body | options.body(), mark)


def _import(datalake: UUID, body: dict[str, Any], mark: JobMark) -> Operation[ImportAnswer]:
    path = routes.IMPORT_OBJECTS.format(datalake=datalake)
    return Operation("POST", path, model(ImportAnswer), body=body, headers=mark.headers(), repeat=mark.repeat)


def launch_processing(datalake: UUID, launch: ProcessingLaunch, mark: JobMark) -> Operation[Job]:
    """Start a processing on data of the lake."""
    path = routes.LAUNCH.format(datalake=datalake)
    return Operation("POST", path, model(Job), body=launch.payload(), headers=mark.headers(), repeat=mark.repeat)


def get_job(job: UUID) -> Operation[Job]:
    """A job, with its context where the platform gives it."""
    return Operation("GET", routes.JOB.format(job=job), model(Job))


def get_job_v1(job: UUID) -> Operation[Job]:
    """A job of the first generation (dataset operations)."""
    return Operation("GET", routes.JOB_V1.format(job=job), model(Job))


def kill_job(job: UUID) -> Operation[Job]:
    """Stop a job (extension `job-kill`); a job that ended stays as it is."""
    return Operation("POST", routes.JOB_KILL.format(job=job), model(Job))


def job_logs(job: UUID, cursor: int = 0, limit: int = 1000) -> Operation[LogPage]:
    """Lines of a job's log from a cursor on (extension `job-logs`); a negative cursor means the last lines."""
    return Operation("GET", routes.JOB_LOGS.format(job=job), model(LogPage), query(cursor=cursor, limit=limit))


def find_jobs(organization: UUID, mark: JobMark, limit: int = 1000, offset: int = 0) -> Operation[list[Job]]:
    """One page of jobs by key and labels, newest first (extensions `idempotency-key` and `job-labels`)."""
    labels = [f"{key}:{value}" for key, value in (mark.labels or {}).items()]
    pairs = query(idempotency_key=mark.idempotency_key, label=labels, limit=limit, offset=offset)
    return Operation("GET", routes.JOBS.format(organization=organization), items(Job), pairs)


def batch_jobs(organization: UUID, jobs: Iterable[UUID]) -> Operation[list[Job]]:
    """The state of many jobs in one call (extension `job-batch`)."""
    path = routes.JOBS_BATCH.format(organization=organization)
    return Operation("POST", path, items(Job), body={"ids": list(jobs)})
