"""Jobs of an organization: the list, one job with its log as it grows, and the button that cancels it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from sqlalchemy import Connection, Row, literal, select, tuple_
from starlette.responses import Response

from datalake_ops.platform.console.forms import read_form
from datalake_ops.platform.console.origin import origin_of
from datalake_ops.platform.console.rendering import page, see_other
from datalake_ops.platform.console.routing import PageRoute, require_session
from datalake_ops.platform.console.sessions import Session
from datalake_ops.platform.http.errors import bad_request, json_response, not_found
from datalake_ops.platform.jobs import logs
from datalake_ops.platform.jobs.service import jobs_of
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.types import Id, Moment, parse_id
from datalake_ops.wire.data import UploadStatus
from datalake_ops.wire.jobs import JobKind, JobStatus

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_JOB, _DATA = schema.job.c, schema.data.c
_PAGE = 50
# Lines of a log that a page shows at first; a script adds the following ones.
_LINES, _MORE_LINES = 500, 1000
_FAILED = 100
_STATUSES = tuple(JobStatus(word) for word in ("PENDING", "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "KILLED"))


@router.get("/{organization:uuid}/jobs")
async def list_jobs(
    request: Request, organization: UUID, status: str = "", kind: str = "", before: str = ""
) -> Response:
    """List the jobs of a status and kind, newest first."""
    session = await require_session(request)
    if status and status not in [one.value for one in _STATUSES]:
        raise bad_request(f"status {status!r} is not known; known are {', '.join(one.value for one in _STATUSES)}.")
    if kind and kind not in [one.value for one in JobKind]:
        raise bad_request(f"kind {kind!r} is not known; known are {', '.join(one.value for one in JobKind)}.")
    conditions = [_JOB.organization_id == organization]
    conditions += [_JOB.status == status] if status else []
    conditions += [_JOB.kind == kind] if kind else []

    def read(connection: Connection) -> list[Row[Any]]:
        statement = _with_names().where(*conditions).order_by(_JOB.created_at.desc(), _JOB.id.desc())
        if before:
            own = select(_JOB.created_at, _JOB.id).where(_JOB.id == parse_id(before), conditions[0])
            place = connection.execute(own).first()
            if place is None:
                raise not_found(f"Job {before}")
            moment, last = literal(place.created_at, Moment()), literal(place.id, Id())
            statement = statement.where(tuple_(_JOB.created_at, _JOB.id) < tuple_(moment, last))
        return list(connection.execute(statement.limit(_PAGE + 1)))

    rows = await services(request).database.read(read)
    return page(
        request,
        "jobs.html",
        session,
        rows=rows[:_PAGE],
        before=str(rows[_PAGE - 1].id) if len(rows) > _PAGE else "",
        is_first=not before,
        chosen_status=status,
        chosen_kind=kind,
        statuses=[("", "any"), *((one.value, one.value) for one in _STATUSES)],
        kinds=[("", "any"), *((one.value, one.value.lower()) for one in JobKind)],
        origin_of=origin_of,
    )


@router.get("/{organization:uuid}/jobs/{job:uuid}")
async def show(request: Request, organization: UUID, job: UUID) -> Response:
    """Show a job, with the end of its log."""
    session = await require_session(request)
    row = await _own(request, session, job)

    def read(connection: Connection) -> tuple[list[str], int, list[Row[Any]]]:
        lines, cursor = logs.page(connection, job, -_LINES, _LINES)
        return lines, cursor, _failed_data(connection, row)

    lines, cursor, failed = await services(request).database.read(read)
    return page(
        request,
        "job.html",
        session,
        row=row,
        lines=lines,
        cursor=cursor,
        failed=failed,
        runs=not JobStatus(row.status).is_terminal,
        origin=origin_of(row.labels),
        counts=_told(row.counts),
        facts=_facts(row),
        labels=_told(row.labels),
    )


@router.get("/{organization:uuid}/jobs/{job:uuid}/log")
async def read_log(request: Request, organization: UUID, job: UUID, after: int = 0) -> Response:
    """Lines that followed, for the script of the job's page."""
    session = await require_session(request)
    row = await _own(request, session, job)
    lines, cursor = await services(request).database.read(
        lambda connection: logs.page(connection, job, max(0, after), _MORE_LINES)
    )
    ended = JobStatus(row.status).is_terminal
    return json_response({"lines": lines, "cursor": cursor, "status": row.status, "counts": row.counts, "ended": ended})


@router.post("/{organization:uuid}/jobs/{job:uuid}/cancel")
async def cancel(request: Request, organization: UUID, job: UUID) -> Response:
    """Cancel a job; one that has ended stays as it is."""
    session = await require_session(request)
    await read_form(request, session.id)
    row = await _own(request, session, job)
    here = f"/{organization}/jobs/{job}"
    if JobStatus(row.status).is_terminal:
        return see_other(request, here, "The job has ended already.", "warning")
    await jobs_of(request).kill(job)
    return see_other(request, here, "The job was cancelled.")


def _with_names() -> Any:
    """Jobs with the names of their processing and lake."""
    processing, lake = schema.processing.c, schema.lake.c
    source = schema.job.outerjoin(schema.processing, processing.id == _JOB.processing_id)
    source = source.outerjoin(schema.lake, lake.key == _JOB.lake_key)
    names = (processing.name.label("processing_name"), lake.name.label("lake_name"), lake.id.label("lake_id"))
    return select(schema.job, *names).select_from(source)


async def _own(request: Request, session: Session, job: UUID) -> Row[Any]:
    statement = _with_names().where(_JOB.id == job, _JOB.organization_id == session.organization_id)
    row = await services(request).database.read(lambda connection: connection.execute(statement).first())
    if row is None:
        raise not_found(f"Job {job}")
    found: Row[Any] = row
    return found


def _failed_data(connection: Connection, row: Row[Any]) -> list[Row[Any]]:
    """Data of an import that could not be read, the first of them."""
    cursor = schema.import_cursor
    span = connection.execute(select(cursor).where(cursor.c.job_id == row.id)).first()
    if span is None or span.first_seq is None:
        return []
    own = (_DATA.lake_key == row.lake_key, _DATA.seq.between(span.first_seq, span.last_seq))
    # The second condition is that of the partial index.
    failed = (_DATA.upload_status == UploadStatus.ERROR.value, _DATA.upload_status != UploadStatus.DONE.value)
    statement = select(_DATA.id, _DATA.filename, _DATA.error_reason).where(*own, *failed)
    return list(connection.execute(statement.order_by(_DATA.seq).limit(_FAILED)))


def _facts(row: Row[Any]) -> list[tuple[str, str]]:
    """Parameters and other fields of the job's request, by name."""
    request = {name: value for name, value in (row.request or {}).items() if not name.startswith("_")}
    parameters = request.pop("parameters", None) or {}
    return [*_told(parameters), *_told({name: value for name, value in request.items() if value not in (None, {}, [])})]


def _told(values: dict[str, Any] | None) -> list[tuple[str, str]]:
    return [
        (name, value if isinstance(value, str) else orjson.dumps(value).decode())
        for name, value in (values or {}).items()
    ]
