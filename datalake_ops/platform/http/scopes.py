"""Scope of a job's token: the routes that its program may call, and the lakes that it may reach by them.

A route that is not listed here is refused, so that a new one is closed to programs until somebody opens it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from datalake_ops.platform.http.errors import RefusalError
from datalake_ops.platform.services import Services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.tokens import Principal
from datalake_ops.platform.store.types import parse_id
from datalake_ops.wire import routes

_ROUTES: Mapping[str, frozenset[str]] = {
    path: frozenset(methods.split())
    for path, methods in {
        routes.PING: "GET",
        routes.ORGANIZATION_FIND: "GET",
        routes.ORGANIZATION: "GET",
        routes.ORGANIZATION_USERS: "GET",
        routes.ORGANIZATION_DATALAKE: "GET",
        routes.ORGANIZATION_DATALAKES: "GET",
        routes.DATALAKE: "GET",
        routes.OBJECT_NAME: "POST",
        routes.PRESIGN_UPLOADS: "POST",
        routes.PRESIGNED_UPLOAD: "POST",
        routes.MULTIPART_START: "POST",
        routes.MULTIPART_PART: "POST",
        routes.MULTIPART_PARTS: "POST",
        routes.MULTIPART_END: "POST",
        routes.PRESIGNED_DOWNLOAD: "POST",
        routes.OBJECT_STAT: "POST",
        routes.DATAS: "GET XGET POST DELETE",
        routes.DATAS_FIND: "GET",
        routes.DATAS_IDS: "GET",
        routes.DATAS_SEARCH: "GET",
        routes.DATA_BULK: "PATCH",
        routes.DATA: "GET PATCH DELETE",
        routes.DATA_CUSTOM_METADATA: "PATCH",
        routes.DATA_ADDRESS: "GET",
        routes.PROJECTIONS: "GET POST",
        routes.PROJECTION: "GET DELETE",
        routes.PROJECTION_ADDRESS: "GET",
        routes.TAGS: "GET POST",
        routes.TAGS_FIND: "GET",
        routes.TAG: "GET PATCH DELETE",
        routes.TAG_ATTACH: "POST",
        routes.TAG_DETACH: "POST",
        # Data name their source, so a program that writes data finds and adds sources; it changes none.
        routes.SOURCES: "GET POST",
        routes.SOURCES_FIND: "GET",
        routes.SOURCE: "GET",
        routes.METADATA_SCHEMA: "GET",
        routes.VISUAL_STATUS: "GET",
        routes.VISUAL_COUNT: "GET",
        routes.VISUAL_SCROLL: "GET",
        routes.JOB: "GET",
        routes.JOB_V1: "GET",
        routes.JOBS_FIND: "GET",
        routes.JOB_STATE: "POST",
        routes.JOB_LOGGING: "POST",
        routes.JOB_LOGGING_SAVE: "POST",
        routes.JOB_LOGS: "GET",
    }.items()
}
_LAKE = (schema.lake.c.id, schema.lake.c.organization_id)
_OF_DATA = schema.data.join(schema.lake, schema.lake.c.key == schema.data.c.lake_key)
# Statements that give the lakes, with their organizations, of what a parameter of a path names.
_LAKES_OF: Mapping[str, Callable[[UUID], Select[Any]]] = {
    "datalake": lambda key: select(*_LAKE).where(schema.lake.c.id == key),
    "connector": lambda key: select(*_LAKE).where(schema.lake.c.connector_id == key),
    "data": lambda key: select(*_LAKE).select_from(_OF_DATA).where(schema.data.c.id == key),
    "projection": lambda key: (
        select(*_LAKE)
        .select_from(_OF_DATA.join(schema.projection, schema.projection.c.data_seq == schema.data.c.seq))
        .where(schema.projection.c.id == key)
    ),
    "tag": lambda key: (
        select(schema.lake.c.id, schema.tag.c.organization_id)
        .select_from(schema.tag.outerjoin(schema.lake, schema.lake.c.key == schema.tag.c.lake_key))
        .where(schema.tag.c.id == key)
    ),
}
# Parameters that name nothing of a lake or a job.
_SHARED = frozenset(("organization", "source", "state"))


async def check_scope(
    services: Services, principal: Principal, method: str, path: str, parameters: Mapping[str, Any]
) -> None:
    """Check that a principal may call a route, given by its template, with these parameters; a user may call every one.

    What is unknown or another organization's passes: the route itself answers it with 404.

    Raises:
        RefusalError: 403, a job's token has no such right.
    """
    if principal.job_id is None:
        return
    if method not in _ROUTES.get(path, ()):
        raise _refusal(f"{method} {path} is not among them.")
    for name, value in parameters.items():
        key = parse_id(value)
        if key is None or key in principal.lakes or name in _SHARED:
            continue
        if name == "job":
            await _check_job(services, principal, key)
        else:
            await _check_lakes(services, principal, name, key)


def check_lake(principal: Principal, lake: UUID) -> None:
    """Check that a principal may reach a lake of its organization.

    Raises:
        RefusalError: 403, it is a job's token, and the lake none of the job's.
    """
    if not reaches(principal, lake):
        raise _refusal(f"Datalake {lake} is not the job's, nor named in its inputs.")


def reaches(principal: Principal, lake: UUID) -> bool:
    """Return True if a principal may reach a lake of its organization."""
    return principal.job_id is None or lake in principal.lakes


def check_job(principal: Principal, job: UUID) -> None:
    """Check that a principal may reach a job of its organization.

    Raises:
        RefusalError: 403, it is the token of another job.
    """
    if principal.job_id not in (None, job):
        raise _refusal(f"Job {job} is another one.")


async def _check_job(services: Services, principal: Principal, job: UUID) -> None:
    statement = select(schema.job.c.organization_id).where(schema.job.c.id == job)
    if await services.database.read(lambda connection: connection.scalar(statement)) == principal.organization_id:
        check_job(principal, job)


async def _check_lakes(services: Services, principal: Principal, name: str, key: UUID) -> None:
    statement = _LAKES_OF[name](key)
    rows = await services.database.read(lambda connection: connection.execute(statement).all())
    own = [lake for lake, organization in rows if organization == principal.organization_id]
    if own and not principal.lakes.intersection(own):
        raise _refusal(f"The {name} {key} belongs to no datalake that the job works on or names in its inputs.")


def _refusal(reason: str) -> RefusalError:
    return RefusalError(
        HTTPStatus.FORBIDDEN,
        f"A job's token reads and writes the data of the job's datalakes, and reports on that job. {reason}",
    )
