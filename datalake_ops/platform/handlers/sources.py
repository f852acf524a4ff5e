"""Data sources of an organization."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from sqlalchemy import Connection, Row, Select, delete, select, update
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from datalake_ops.platform.catalog.ordering import PageParameters, apply_page
from datalake_ops.platform.catalog.ownership import OrganizationDep
from datalake_ops.platform.catalog.tags_and_sources import insert_source, validate_name
from datalake_ops.platform.handlers.answers import Items
from datalake_ops.platform.http.auth import PrincipalDep
from datalake_ops.platform.http.errors import conflict, json_response, not_found
from datalake_ops.platform.http.openapi import refusals
from datalake_ops.platform.http.request_body import json_body
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.wire import routes
from datalake_ops.wire.sources import DataSource

router = APIRouter(tags=["data sources"])

_ORDER = {"name": schema.source.c.name, "created_at": schema.source.c.key, "id": schema.source.c.id}


class SourceBody(BaseModel):
    """Body with the name of a source."""

    name: str


@router.get(routes.SOURCES, response_model=Items[DataSource])
async def list_sources(
    organization: OrganizationDep, request: Request, parameters: Annotated[PageParameters, Query()]
) -> Response:
    """List the sources of an organization, oldest first; all of them unless a limit is given."""
    own = select(schema.source).where(schema.source.c.organization_id == organization)
    rows = await services(request).database.read(
        lambda connection: connection.execute(apply_page(own, parameters, _ORDER, schema.source.c.key)).all()
    )
    return json_response({"items": [serialize_source(row) for row in rows], "count": len(rows)})


@router.post(routes.SOURCES, response_model=DataSource, status_code=201, responses=refusals(409))
async def create_source(
    organization: OrganizationDep, request: Request, body: Annotated[SourceBody, json_body(SourceBody)]
) -> Response:
    """Create a source; the name must be free."""
    name = validate_name(body.name, "data source")
    try:
        row = await services(request).database.write(lambda connection: insert_source(connection, organization, name))
    except IntegrityError as error:
        raise conflict(f"A data source named {name!r} exists already.") from error
    return json_response(serialize_source(row), 201)


@router.get(routes.SOURCES_FIND, response_model=DataSource)
async def find_source(name: str, organization: OrganizationDep, request: Request) -> Response:
    """Find a source by name."""
    sources = schema.source.c
    statement = select(schema.source).where(sources.organization_id == organization, sources.name == name)
    return json_response(await _one(request, statement, f"Data source {name!r}"))


@router.get(routes.SOURCE, response_model=DataSource)
async def get_source(source: UUID, request: Request, principal: PrincipalDep) -> Response:
    """One source."""
    statement = select(schema.source).where(*_own_row(source, principal.organization_id))
    return json_response(await _one(request, statement, f"Data source {source}"))


@router.patch(routes.SOURCE, response_model=DataSource, responses=refusals(409))
async def rename_source(
    source: UUID, request: Request, principal: PrincipalDep, body: Annotated[SourceBody, json_body(SourceBody)]
) -> Response:
    """Give a source another name."""
    name = validate_name(body.name, "data source")
    change = update(schema.source).where(*_own_row(source, principal.organization_id)).values(name=name)

    def rename(connection: Connection) -> Row[Any] | None:
        return connection.execute(change.returning(*schema.source.c)).first()

    try:
        row = await services(request).database.write(rename)
    except IntegrityError as error:
        raise conflict(f"A data source named {name!r} exists already.") from error
    if row is None:
        raise not_found(f"Data source {source}")
    return json_response(serialize_source(row))


@router.delete(routes.SOURCE, status_code=204)
async def delete_source(source: UUID, request: Request, principal: PrincipalDep) -> Response:
    """Delete a source; its data stay, without source."""
    statement = delete(schema.source).where(*_own_row(source, principal.organization_id))
    if not await services(request).database.delete(statement):
        raise not_found(f"Data source {source}")
    return Response(status_code=204)


def serialize_source(row: Any) -> dict[str, Any]:
    """A source as the wire shows it."""
    return {"id": row.id, "name": row.name}


def _own_row(source: UUID, organization: UUID) -> tuple[Any, Any]:
    return schema.source.c.id == source, schema.source.c.organization_id == organization


async def _one(request: Request, statement: Select[Any], what: str) -> dict[str, Any]:
    row = await services(request).database.read(lambda connection: connection.execute(statement).first())
    if row is None:
        raise not_found(what)
    return serialize_source(row)
