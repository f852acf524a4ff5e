"""Ping, organizations and their users."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from datalake_ops.platform.catalog.ownership import OrganizationDep
from datalake_ops.platform.handlers.answers import Users
from datalake_ops.platform.http.auth import PrincipalDep
from datalake_ops.platform.http.errors import json_response, not_found
from datalake_ops.platform.objects.media_type import readable_types
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.tokens import Principal
from datalake_ops.wire import routes
from datalake_ops.wire.lakes import Extension, Organization, Ping

router = APIRouter(tags=["organizations"])

# The newest official SDK this platform was checked with.
SDK_VERSION = "6.37.0"


@router.get(routes.PING, response_model=Ping)
async def ping(request: Request, principal: PrincipalDep) -> Response:
    """Return the caller of the token, and the extensions and readable types of the platform."""
    withheld = services(request).withheld
    announced = {
        "username": principal.username,
        "sdk_version": SDK_VERSION,
        "default_organization": principal.organization_id,
        "extensions": [extension.value for extension in Extension if extension.value not in withheld],
    }
    if Extension.READABLE_TYPES.value not in withheld:
        announced["readable_types"] = sorted(readable_types() - withheld)
    return json_response(announced)


@router.get(routes.ORGANIZATION_FIND, response_model=Organization)
async def find_organization(name: str, request: Request, principal: PrincipalDep) -> Response:
    """Find the caller's organization by its name."""
    found = await services(request).database.read(lambda connection: _organization(connection, principal))
    if found["name"] != name:
        raise not_found(f"Organization {name!r}")
    return json_response(found)


@router.get(routes.ORGANIZATION, response_model=Organization)
async def get_organization(organization: OrganizationDep, request: Request, principal: PrincipalDep) -> Response:
    """Get an organization."""
    return json_response(await services(request).database.read(lambda connection: _organization(connection, principal)))


@router.get(routes.ORGANIZATION_USERS, response_model=Users)
async def list_users(
    organization: OrganizationDep, request: Request, principal: PrincipalDep, username: str | None = None
) -> Response:
    """List the users of an organization, or the one of a name; a job's program sees its own user only."""
    statement = select(schema.user).where(schema.user.c.organization_id == organization)
    if principal.job_id is not None:
        statement = statement.where(schema.user.c.id == principal.user_id)
    if username is not None:
        statement = statement.where(schema.user.c.username == username)
    rows = await services(request).database.read(lambda connection: connection.execute(statement).all())
    return json_response({"users": [{"id": row.id, "username": row.username} for row in rows]})


def _organization(connection: Connection, principal: Principal) -> dict[str, Any]:
    row = connection.execute(
        select(schema.organization).where(schema.organization.c.id == principal.organization_id)
    ).one()
    return {"id": row.id, "name": row.name, "default_connector_id": row.default_connector_id}
