"""Datalakes: find, list, get."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from datalake_ops.platform.catalog.ownership import LakeDep, OrganizationDep
from datalake_ops.platform.handlers.answers import Items
from datalake_ops.platform.http.auth import PrincipalDep
from datalake_ops.platform.http.errors import json_response, not_found
from datalake_ops.platform.http.scopes import check_lake, reaches
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.wire import routes
from datalake_ops.wire.lakes import Datalake

router = APIRouter(tags=["lakes"])


@router.get(routes.ORGANIZATION_DATALAKE, response_model=Datalake)
async def find_lake(
    organization: OrganizationDep,
    request: Request,
    principal: PrincipalDep,
    id: UUID | None = None,
    name: str | None = None,
) -> Response:
    """Find a lake by id or by name (the id wins), else the organization's default one."""
    found = await services(request).database.read(lambda connection: _find(connection, organization, id, name))
    if found is None:
        raise not_found(f"Datalake {id or name!r}")
    check_lake(principal, found["id"])
    return json_response(found)


@router.get(routes.ORGANIZATION_DATALAKES, response_model=Items[Datalake])
async def list_lakes(organization: OrganizationDep, request: Request, principal: PrincipalDep) -> Response:
    """List every lake of an organization that the caller may reach, oldest first."""
    statement = select(schema.lake).where(schema.lake.c.organization_id == organization).order_by(schema.lake.c.key)
    rows = await services(request).database.read(lambda connection: connection.execute(statement).all())
    items = [serialize_lake(row) for row in rows if reaches(principal, row.id)]
    return json_response({"items": items, "count": len(items)})


@router.get(routes.DATALAKE, response_model=Datalake)
async def get_lake(lake: LakeDep) -> Response:
    """Get a lake."""
    return json_response(serialize_lake(lake))


def serialize_lake(lake: LakeRow | Any) -> dict[str, Any]:
    """Serialize a lake for the wire."""
    return {"id": lake.id, "name": lake.name, "connector_id": lake.connector_id}


def _find(connection: Connection, organization: UUID, id: UUID | None, name: str | None) -> dict[str, Any] | None:
    lakes = schema.lake.c
    statement = select(schema.lake).where(lakes.organization_id == organization)
    if id is not None:
        statement = statement.where(lakes.id == id)
    elif name is not None:
        statement = statement.where(lakes.name == name)
    else:
        default = select(schema.organization.c.default_lake_id).where(schema.organization.c.id == organization)
        statement = statement.where(lakes.id == default.scalar_subquery())
    row = connection.execute(statement).first()
    return serialize_lake(row) if row else None
