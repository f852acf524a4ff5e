"""Home page of an organization."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy import func, select
from starlette.responses import Response

from datalake_ops.platform.console.rendering import page, see_other
from datalake_ops.platform.console.routing import PageRoute, require_session
from datalake_ops.platform.services import base_url, services
from datalake_ops.platform.store import schema

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/")
async def start(request: Request) -> Response:
    """Open the home page of the session's organization."""
    session = await require_session(request)
    return see_other(request, f"/{session.organization_id}")


@router.get("/{organization:uuid}")
async def home(request: Request, organization: UUID) -> Response:
    """Show the organization's lakes."""
    session = await require_session(request)
    lake, number = schema.lake.c, schema.lake_count.c
    statement = (
        select(lake.id, lake.name, func.coalesce(func.sum(number.count), 0).label("data_count"))
        .select_from(schema.lake.outerjoin(schema.lake_count, number.lake_key == lake.key))
        .where(lake.organization_id == organization)
        .group_by(lake.key)
        .order_by(lake.name)
    )
    lakes = await services(request).database.read(lambda connection: connection.execute(statement).mappings().all())
    return page(request, "home.html", session, lakes=[dict(row) for row in lakes], base=base_url(request))
