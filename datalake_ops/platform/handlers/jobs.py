"""Jobs: status, reports of their programs, and the extensions for waiting clients."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import Connection, Row, select
from starlette.responses import Response

from datalake_ops.platform.catalog.ordering import MAX_OFFSET
from datalake_ops.platform.catalog.ownership import OrganizationDep
from datalake_ops.platform.handlers.answers import Empty, Items, JobState
from datalake_ops.platform.http.auth import PrincipalDep
from datalake_ops.platform.http.body_limits import LINES, RESOURCE
from datalake_ops.platform.http.errors import bad_request, conflict, json_response, not_found
from datalake_ops.platform.http.openapi import refusals
from datalake_ops.platform.http.request_body import json_body
from datalake_ops.platform.http.scopes import check_job
from datalake_ops.platform.jobs import job_table, logs
from datalake_ops.platform.jobs.job_table import JobKeys, JobSearch
from datalake_ops.platform.jobs.logs import SentLines
from datalake_ops.platform.jobs.serialization import serialize_job, serialize_job_v1
from datalake_ops.platform.jobs.service import jobs_of
from datalake_ops.platform.jobs.states import IllegalTransitionError
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.tokens import Principal
from datalake_ops.wire import routes
from datalake_ops.wire.jobs import Job, JobStatus, LogPage

router = APIRouter(tags=["jobs"])

_REPORTS = {"running": JobStatus.RUNNING, "succeed": JobStatus.SUCCEEDED, "fail": JobStatus.FAILED}
_PAGE = 1000


class LogBody(BaseModel):
    """Body with one line of a program's log, or a block of lines."""

    line_nb: int = Field(ge=0, le=2**31)
    log: str | Annotated[list[str], Field(fail_fast=True)]
    final: bool = False
    part: str | None = Field(default=None, max_length=1024)
    special: str | bool | list[Any] | None = None


class LogFileBody(BaseModel):
    """Body that names the object with a whole log."""

    logging_object_name: str


class JobIds(BaseModel):
    """Body with ids of jobs."""

    ids: list[UUID] = Field(max_length=10_000, fail_fast=True)


class LogPageParameters(BaseModel):
    """Page of a log; a negative cursor means that many last lines."""

    cursor: int = Field(default=0, ge=-1_000_000, le=2**31)
    limit: int = Field(default=_PAGE, ge=1, le=10_000)


class JobSearchParameters(BaseModel):
    """Search for jobs of an organization."""

    idempotency_key: str | None = None
    label: list[str] = Field(default_factory=list)
    limit: int = Field(default=_PAGE, ge=1, le=_PAGE)
    offset: int = Field(default=0, ge=0, le=MAX_OFFSET)


@router.get(routes.JOB, response_model=Job)
async def get_job(job: UUID, request: Request, principal: PrincipalDep) -> Response:
    """Get a job; one of a processing carries its program's context."""
    return json_response(serialize_job(await _own(request, job, principal), request))


@router.get(routes.JOB_V1, response_model=JobState)
async def get_job_v1(job: UUID, request: Request, principal: PrincipalDep) -> Response:
    """Get a job with the status words of the first API generation."""
    return json_response(serialize_job_v1(await _own(request, job, principal)))


@router.get(routes.JOBS_FIND, response_model=Job)
async def find_job(id: UUID, organization: OrganizationDep, request: Request, principal: PrincipalDep) -> Response:
    """Find a job by its id."""
    row = await _own(request, id, principal)
    check_job(principal, id)
    return json_response(serialize_job(row, request))


@router.get(routes.JOBS, response_model=Items[Job])
async def list_jobs(
    organization: OrganizationDep, request: Request, parameters: Annotated[JobSearchParameters, Query()]
) -> Response:
    """List jobs by idempotency key and labels (`name:value`), newest first."""
    labels = dict(_label(text) for text in parameters.label)
    search = JobSearch(
        organization, JobKeys(parameters.idempotency_key, labels), None, parameters.limit, parameters.offset
    )
    return await _search_jobs(request, search)


@router.post(routes.JOBS_BATCH, response_model=Items[Job])
async def batch_jobs(
    organization: OrganizationDep, request: Request, body: Annotated[JobIds, json_body(JobIds, RESOURCE)]
) -> Response:
    """Get the status of many jobs; ids that are no jobs of the organization are left out."""
    return await _search_jobs(request, JobSearch(organization, ids=body.ids))


@router.get(routes.JOB_LOGS, response_model=LogPage)
async def read_log(
    job: UUID, request: Request, principal: PrincipalDep, parameters: Annotated[LogPageParameters, Query()]
) -> Response:
    """Read lines of a job's log from a cursor on."""
    await _own(request, job, principal)
    lines, cursor = await services(request).database.read(
        lambda connection: logs.page(connection, job, parameters.cursor, parameters.limit)
    )
    return json_response({"lines": lines, "next_cursor": cursor})


@router.post(routes.JOB_KILL, response_model=Job)
async def kill_job(job: UUID, request: Request, principal: PrincipalDep) -> Response:
    """Kill a job; one that has ended stays as it is."""
    await _own(request, job, principal)
    await jobs_of(request).kill(job)
    return json_response(serialize_job(await _own(request, job, principal), request))


@router.post(routes.JOB_LOGGING, response_model=Empty)
async def send_log(
    job: UUID, request: Request, principal: PrincipalDep, body: Annotated[LogBody, json_body(LogBody, LINES)]
) -> Response:
    """Append a line to a job's log; a number sent again replaces the line."""
    await _own(request, job, principal)
    lines = body.log if isinstance(body.log, list) else [body.log]
    sent = SentLines(body.line_nb, lines, body.part, body.special)
    await services(request).database.write(lambda connection: logs.put(connection, job, sent))
    return json_response({})


@router.post(routes.JOB_LOGGING_SAVE, response_model=LogFileBody)
async def save_log(
    job: UUID, request: Request, principal: PrincipalDep, body: Annotated[LogFileBody, json_body(LogFileBody)]
) -> Response:
    """Record the object in which a program stored its whole log."""
    name = body.logging_object_name
    row = await _own(request, job, principal)
    dependencies = services(request)

    def note(connection: Connection) -> None:
        organization = schema.organization.c
        own = select(organization.default_connector_id).where(organization.id == row.organization_id)
        dependencies.objects.claim(connection.execute(own).scalar_one(), name)
        job_table.note(connection, job, log_object_name=name)

    await dependencies.database.write(note)
    return json_response({"logging_object_name": name})


@router.post(routes.JOB_STATE, response_model=JobState, responses=refusals(409))
async def report(
    job: UUID, state: Literal["running", "succeed", "fail"], request: Request, principal: PrincipalDep
) -> Response:
    """Set a job's status as reported by its program."""
    await _own(request, job, principal)

    def move(connection: Connection) -> bool:
        return job_table.move(connection, job, _REPORTS[state])

    try:
        await services(request).database.write(move)
    except IllegalTransitionError as error:
        raise conflict(str(error)) from error
    row = await _own(request, job, principal)
    return json_response({"id": row.id, "status": row.status})


async def _own(request: Request, job: UUID, principal: Principal) -> Row[Any]:
    row = await services(request).database.read(lambda connection: job_table.get(connection, job))
    if row is None or row.organization_id != principal.organization_id:
        raise not_found(f"Job {job}")
    return row


async def _search_jobs(request: Request, search: JobSearch) -> Response:
    rows, count = await services(request).database.read(lambda connection: job_table.find(connection, search))
    return json_response({"items": [serialize_job(row, request) for row in rows], "count": count})


def _label(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not name or not colon:
        raise bad_request(f"A label is asked for as name:value, not {text!r}.")
    return name, value
