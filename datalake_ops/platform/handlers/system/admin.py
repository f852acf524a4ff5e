"""Admin routes for tests: scripted faults, the request journal, withheld extensions, lakes and organizations."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from datalake_ops.platform.bootstrap import add_lake, add_organization
from datalake_ops.platform.handlers.answers import (
    Empty,
    FaultId,
    Items,
    JournalEntry,
    MetFault,
    NewLake,
    NewOrganizationBody,
)
from datalake_ops.platform.http.auth import AdminDep
from datalake_ops.platform.http.errors import conflict, json_response
from datalake_ops.platform.http.fault_injection import Fault, FaultRule, Faults
from datalake_ops.platform.http.openapi import refusals
from datalake_ops.platform.http.request_body import json_body
from datalake_ops.platform.jobs.processings.programs import seed_processings_of
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.tokens import add_token, new_token
from datalake_ops.wire.lakes import Extension


class NamedResourceBody(BaseModel):
    """Name of a lake or organization to create."""

    name: str = Field(min_length=1, max_length=256)


class ExtensionsBody(BaseModel):
    """Extensions and readable types that ping must not announce."""

    extensions: list[Extension]
    types: list[str] = Field(default_factory=list)


def admin_router(faults: Faults) -> APIRouter:
    """Create the admin routes for a set of faults."""
    router = APIRouter(prefix="/_admin", tags=["admin"])

    @router.post("/faults", response_model=FaultId)
    async def script(_admin: AdminDep, rule: Annotated[FaultRule, json_body(FaultRule)]) -> Response:
        """Script a fault."""
        fault = Fault(rule)
        faults.faults.append(fault)
        return json_response({"id": fault.id})

    @router.get("/faults", response_model=Items[MetFault])
    async def met(_admin: AdminDep) -> Response:
        """Scripted faults, and how often each was met."""
        items = [{"id": fault.id, "met": fault.met, **fault.rule.model_dump()} for fault in faults.faults]
        return json_response({"items": items})

    @router.delete("/faults", response_model=Empty)
    async def forget(_admin: AdminDep) -> Response:
        """Remove every fault."""
        faults.faults.clear()
        return json_response({})

    _add_journal(router, faults)
    _add_extensions(router)
    _add_makers(router)
    return router


def _add_journal(router: APIRouter, faults: Faults) -> None:
    @router.get("/requests", response_model=Items[JournalEntry])
    async def journal(_admin: AdminDep) -> Response:
        """Last requests, oldest first."""
        return json_response({"items": list(faults.journal)})

    @router.delete("/requests", response_model=Empty)
    async def clear(_admin: AdminDep) -> Response:
        """Empty the journal."""
        faults.journal.clear()
        return json_response({})


def _add_extensions(router: APIRouter) -> None:
    @router.put("/withheld", response_model=Empty)
    async def withhold(
        request: Request, _admin: AdminDep, body: Annotated[ExtensionsBody, json_body(ExtensionsBody)]
    ) -> Response:
        """Announce every extension and type except these."""
        services(request).withheld = frozenset((*(extension.value for extension in body.extensions), *body.types))
        return json_response({})


def _add_makers(router: APIRouter) -> None:
    @router.post("/lakes", response_model=NewLake, responses=refusals(409))
    async def make_lake(
        request: Request, principal: AdminDep, body: Annotated[NamedResourceBody, json_body(NamedResourceBody)]
    ) -> Response:
        """Create a lake in the caller's organization, on its default connector."""

        def make(connection: Connection) -> str:
            organization = schema.organization.c
            connector = connection.execute(
                select(organization.default_connector_id).where(organization.id == principal.organization_id)
            ).scalar_one()
            return str(add_lake(connection, principal.organization_id, connector, body.name))

        try:
            return json_response({"id": await services(request).database.write(make)})
        except IntegrityError as error:
            raise conflict(f"A datalake named {body.name!r} exists already.") from error

    @router.post("/organizations", response_model=NewOrganizationBody, responses=refusals(409))
    async def make_organization(
        request: Request, _admin: AdminDep, body: Annotated[NamedResourceBody, json_body(NamedResourceBody)]
    ) -> Response:
        """Create an organization with a lake, a connector and a token."""

        def make(connection: Connection) -> dict[str, object]:
            made = add_organization(connection, body.name)
            token = new_token()
            add_token(connection, token, made.principal)
            seed_processings_of(connection, made.principal.organization_id)
            return {
                "organization_id": made.principal.organization_id,
                "datalake_id": made.lake_id,
                "connector_id": made.connector_id,
                "token": token,
            }

        try:
            return json_response(await services(request).database.write(make))
        except IntegrityError as error:
            raise conflict(f"An organization named {body.name!r} exists already.") from error
