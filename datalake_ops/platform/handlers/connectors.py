"""Compute connectors: the embedded platform has one, this machine."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from fastapi import APIRouter, Request
from starlette.responses import Response

from datalake_ops.platform.catalog.ownership import OrganizationDep
from datalake_ops.platform.handlers.answers import ComputeConnector
from datalake_ops.platform.http.auth import PrincipalDep
from datalake_ops.platform.http.errors import bad_request, json_response, not_found
from datalake_ops.platform.services import services
from datalake_ops.wire import routes

router = APIRouter(tags=["compute connectors"])

_NAME = "local"


@router.get(routes.CONNECTORS_FIND, response_model=ComputeConnector)
async def find_connector(
    organization: OrganizationDep, request: Request, id: UUID | None = None, name: str | None = None
) -> Response:
    """Find the compute connector by id or name."""
    if id is None and name is None:
        raise bad_request("Give the id or the name of a compute connector.")
    connector = _local(request, organization)
    if (id is not None and connector["id"] != id) or (id is None and name != _NAME):
        raise not_found(f"Compute connector {id or name!r}")
    return json_response(connector)


@router.get(routes.CONNECTOR, response_model=ComputeConnector)
async def get_connector(connector: UUID, request: Request, principal: PrincipalDep) -> Response:
    """Get a compute connector."""
    local = _local(request, principal.organization_id)
    if local["id"] != connector:
        raise not_found(f"Compute connector {connector}")
    return json_response(local)


def _local(request: Request, organization: UUID) -> dict[str, Any]:
    # Derived from the organization's id, so that it is the same after every start.
    address = services(request).settings.address
    return {
        "id": uuid5(organization, "compute"),
        "name": _NAME,
        "url": address,
        "client_type": "LOCAL",
        "enabled": True,
    }
