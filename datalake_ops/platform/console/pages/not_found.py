"""Page for addresses below an organization that lead nowhere; its router is the last."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from datalake_ops.platform.console.routing import PageRoute, require_session
from datalake_ops.platform.http.errors import not_found

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/{organization:uuid}/{rest:path}")
async def nowhere(request: Request, organization: UUID, rest: str) -> Response:
    """Say that there is no such page."""
    await require_session(request)
    raise not_found(f"The page /{organization}/{rest}")
