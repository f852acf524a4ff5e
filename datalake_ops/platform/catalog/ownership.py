"""Authorization of path ids: each becomes a row of the caller's organization, or a 404."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from sqlalchemy import Connection, select
from starlette.responses import Response

from datalake_ops.platform.catalog.metadata_schema import LakeSchema, read_schema
from datalake_ops.platform.http.auth import PrincipalDep, authenticate
from datalake_ops.platform.http.errors import bad_request, not_found
from datalake_ops.platform.http.request_body import body_of
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.store.rows import ConnectorRow, LakeRow


class DatabaseDirectory:
    """Cache of lakes and connectors, which never change once they exist, and of schemas until they change."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lakes: dict[UUID, LakeRow] = {}
        self._connectors: dict[UUID, ConnectorRow] = {}
        self._schemas: dict[int, LakeSchema] = {}

    async def lake(self, id: UUID) -> LakeRow | None:
        """Return the lake of an id, in any organization."""
        if id not in self._lakes:
            found = await self._database.read(lambda connection: find_lake(connection, id))
            if found is None:
                return None
            self._lakes[id] = found
        return self._lakes[id]

    async def connector(self, id: UUID) -> ConnectorRow | None:
        """Return the connector of an id, in any organization."""
        if id not in self._connectors:
            found = await self._database.read(lambda connection: _find_connector(connection, id))
            if found is None:
                return None
            self._connectors[id] = found
        return self._connectors[id]

    async def metadata_schema(self, lake: LakeRow) -> LakeSchema:
        """Return the custom metadata schema of a lake."""
        if lake.key not in self._schemas:
            found = await self._database.read(lambda connection: read_schema(connection, lake.key))
            self._schemas[lake.key] = found
        return self._schemas[lake.key]

    def forget_schema(self, lake: LakeRow) -> None:
        """Drop a lake's cached schema."""
        self._schemas.pop(lake.key, None)


def find_lake(connection: Connection, id: UUID) -> LakeRow | None:
    """Read a lake from the database."""
    row = connection.execute(select(schema.lake).where(schema.lake.c.id == id)).first()
    return LakeRow(row.key, row.id, row.name, row.organization_id, row.connector_id) if row else None


def _find_connector(connection: Connection, id: UUID) -> ConnectorRow | None:
    row = connection.execute(select(schema.connector).where(schema.connector.c.id == id)).first()
    return ConnectorRow(row.id, row.organization_id, row.name, row.client_type) if row else None


async def own_organization(organization: UUID, principal: PrincipalDep) -> UUID:
    """Resolve the organization of the path; it must be the caller's."""
    if organization != principal.organization_id:
        raise not_found(f"Organization {organization}")
    return organization


async def own_lake(datalake: UUID, request: Request, principal: PrincipalDep) -> LakeRow:
    """Resolve the lake of the path; it must belong to the caller's organization."""
    lake = await services(request).directory.lake(datalake)
    if lake is None or lake.organization_id != principal.organization_id:
        raise not_found(f"Datalake {datalake}")
    return lake


async def own_connector(connector: UUID, request: Request, principal: PrincipalDep) -> ConnectorRow:
    """Resolve the connector of the path; it must belong to the caller's organization."""
    found = await services(request).directory.connector(connector)
    if found is None or found.organization_id != principal.organization_id:
        raise not_found(f"Connector {connector}")
    return found


class LakeRoute(APIRoute):
    """Route whose handler takes only its lake, the request and its JSON body.

    FastAPI's dependency resolution takes 0.3 ms, as long as all other work of a busy route; here it serves only the
    OpenAPI document.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of a request."""
        endpoint, body = self.endpoint, body_of(self.endpoint)
        if body is None:
            raise TypeError(f"{endpoint.__name__} takes no JSON body.")

        async def handle(request: Request) -> Response:
            text = request.path_params["datalake"]
            try:
                datalake = UUID(text)
            except ValueError as error:
                raise bad_request("The request is not valid.", [f"path.datalake: {error}"]) from error
            lake = await own_lake(datalake, request, await authenticate(request))
            answer: Response = await endpoint(lake=lake, request=request, body=await body.read(request))
            return answer

        return handle


OrganizationDep = Annotated[UUID, Depends(own_organization)]
LakeDep = Annotated[LakeRow, Depends(own_lake)]
ConnectorDep = Annotated[ConnectorRow, Depends(own_connector)]
