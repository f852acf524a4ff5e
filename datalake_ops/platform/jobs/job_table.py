"""Table of jobs: created once per idempotency key, moved from status to status, searched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, exists, func, insert, select, text, update

from datalake_ops.platform.jobs.states import check_transition
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.types import new_id, now
from datalake_ops.wire.jobs import JobKind, JobStatus

_TIMES = {JobStatus.QUEUED: "queued_at", JobStatus.RUNNING: "started_at"}
_CHUNK = 500


class KeyReusedError(ValueError):
    """The idempotency key belongs to a job with another request."""


@dataclass(frozen=True)
class JobKeys:
    """Idempotency key and labels, by which a job is found again."""

    idempotency_key: str | None = None
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True)
class NewJob:
    """Job to be created; `request` holds all that is needed to run it, also after a restart."""

    organization_id: UUID
    user_id: UUID
    lake_key: int
    kind: JobKind
    request: Mapping[str, Any]
    keys: JobKeys = JobKeys()
    processing_id: UUID | None = None
    cpu: int | None = None
    gpu: int | None = None
    id: UUID = field(default_factory=new_id)

    def digest(self) -> str:
        """Digest that tells this request from another one under the same key; the job's own id is no part of it."""
        # Keys with a leading underscore belong to one attempt only.
        request = {name: value for name, value in self.request.items() if not name.startswith("_")}
        values = [self.lake_key, self.kind.value, str(self.processing_id), self.cpu, self.gpu, request]
        return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def create(connection: Connection, new: NewJob) -> Row[Any]:
    """Insert a job, or return the one that the same request created before; a new one has the id of `new`.

    Raises:
        KeyReusedError: the key was used for another request.
    """
    digest = new.digest()
    if new.keys.idempotency_key:
        known = by_key(connection, new.organization_id, new.keys.idempotency_key)
        if known is not None:
            if known.request["_digest"] != digest:
                raise KeyReusedError(
                    f"The idempotency key {new.keys.idempotency_key!r} belongs to job {known.id}, "
                    "which was asked for something else."
                )
            return known
    row = {
        "id": new.id,
        "organization_id": new.organization_id,
        "user_id": new.user_id,
        "lake_key": new.lake_key,
        "kind": new.kind.value,
        "status": JobStatus.PENDING.value,
        "processing_id": new.processing_id,
        "request": {**new.request, "_digest": digest},
        "labels": dict(new.keys.labels) if new.keys.labels else None,
        "idempotency_key": new.keys.idempotency_key or None,
        "cpu": new.cpu,
        "gpu": new.gpu,
        "created_at": now(),
    }
    return connection.execute(insert(schema.job).values(row).returning(*schema.job.c)).one()


def by_key(connection: Connection, organization: UUID, key: str) -> Row[Any] | None:
    """Return the organization's job of an idempotency key."""
    job = schema.job.c
    return connection.execute(
        select(schema.job).where(job.organization_id == organization, job.idempotency_key == key)
    ).first()


def get(connection: Connection, job: UUID) -> Row[Any] | None:
    """Return a job by its id."""
    return connection.execute(select(schema.job).where(schema.job.c.id == job)).first()


def in_states(connection: Connection, kind: JobKind, *states: JobStatus) -> Sequence[Row[Any]]:
    """Return jobs of a kind that are in one of the states, oldest first."""
    job = schema.job.c
    has_state = job.status.in_([state.value for state in states])
    return connection.execute(
        select(schema.job).where(job.kind == kind.value, has_state).order_by(job.created_at, job.id)
    ).all()


def move(connection: Connection, job: UUID, after: JobStatus, **facts: Any) -> bool:
    """Change a job's status, and set columns; returns False when it has that status already.

    Raises:
        IllegalTransitionError: its state does not allow it.
    """
    before = JobStatus(connection.execute(select(schema.job.c.status).where(schema.job.c.id == job)).scalar_one())
    if not check_transition(before, after):
        return False
    time = "finished_at" if after.is_terminal else _TIMES[after]
    note(connection, job, status=after.value, **{time: now()}, **facts)
    return True


def note(connection: Connection, job: UUID, **facts: Any) -> None:
    """Set columns of a job."""
    connection.execute(update(schema.job).where(schema.job.c.id == job).values(**facts))


@dataclass(frozen=True)
class JobSearch:
    """Search for jobs of an organization."""

    organization_id: UUID
    keys: JobKeys = JobKeys()
    ids: Sequence[UUID] | None = None
    limit: int = 1000
    offset: int = 0


def find(connection: Connection, search: JobSearch) -> tuple[list[Row[Any]], int]:
    """Find the matching jobs, newest first, and their number without limit and offset."""
    rows: list[Row[Any]] = []
    count = 0
    for chunk in _chunks(search.ids):
        query = _matching(search, chunk)
        count += connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        newest = query.order_by(schema.job.c.created_at.desc(), schema.job.c.id.desc())
        rows += connection.execute(newest.limit(search.limit).offset(search.offset)).all()
    return rows, count


def _matching(search: JobSearch, ids: Sequence[UUID] | None) -> Select[Any]:
    job = schema.job.c
    query = select(schema.job).where(job.organization_id == search.organization_id)
    if ids is not None:
        query = query.where(job.id.in_(ids))
    if search.keys.idempotency_key:
        query = query.where(job.idempotency_key == search.keys.idempotency_key)
    for number, (name, value) in enumerate((search.keys.labels or {}).items()):
        # Each label is a row of json_each, so that its name is a value and never part of a path.
        label = func.json_each(job.labels).table_valued("key", "value", name=f"label_{number}")
        query = query.where(
            exists(select(text("1")).select_from(label).where(label.c.key == name, label.c.value == value))
        )
    return query


def _chunks(ids: Sequence[UUID] | None) -> Iterable[Sequence[UUID] | None]:
    if ids is None:
        return [None]
    unique = list(dict.fromkeys(ids))
    return [unique[start : start + _CHUNK] for start in range(0, len(unique), _CHUNK)]
