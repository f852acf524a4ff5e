"""Processings of an organization, their declared inputs, and launches."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, model_validator
from sqlalchemy import Connection, Row, Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from datalake_ops.platform.catalog.ordering import PageParameters, apply_page
from datalake_ops.platform.catalog.ownership import LakeDep, OrganizationDep
from datalake_ops.platform.catalog.tags_and_sources import validate_name
from datalake_ops.platform.handlers.answers import Items
from datalake_ops.platform.http.auth import PrincipalDep
from datalake_ops.platform.http.body_limits import IDS, RESOURCE
from datalake_ops.platform.http.errors import conflict, json_response, not_found
from datalake_ops.platform.http.openapi import JOB_HEADERS, refusals
from datalake_ops.platform.http.request_body import json_body
from datalake_ops.platform.jobs.job_headers import read_job_keys
from datalake_ops.platform.jobs.processings.launch_body import LaunchBody
from datalake_ops.platform.jobs.processings.launch_request import Launch
from datalake_ops.platform.jobs.serialization import serialize_job
from datalake_ops.platform.jobs.service import jobs_of
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.types import new_id, now
from datalake_ops.wire import routes
from datalake_ops.wire.jobs import Job
from datalake_ops.wire.processings import InputType, Processing, ProcessingTarget, ProcessingType

router = APIRouter(tags=["processings"])

_COLUMNS = schema.processing.c
_INPUTS = schema.processing_input
_ORDER = {"name": _COLUMNS.name, "created_at": _COLUMNS.created_at, "id": _COLUMNS.id}
# Before version 6.33 the SDK named the type only.
_TARGETS = {
    ProcessingType.DATA_AUTO_TAGGING: ProcessingTarget.DATALAKE,
    ProcessingType.MODEL_COMPRESSION: ProcessingTarget.MODEL_VERSION,
    ProcessingType.MODEL_CONVERSION: ProcessingTarget.MODEL_VERSION,
}


class ProcessingBody(BaseModel):
    """Body that creates a processing."""

    name: str
    target: ProcessingTarget
    docker_image: str = Field(min_length=1, max_length=512)
    docker_tag: str = Field(min_length=1, max_length=128)
    description: str | None = None
    type: ProcessingType | None = None
    default_cpu: int | None = Field(default=None, ge=1)
    default_gpu: int | None = Field(default=None, ge=0)
    default_parameters: dict[str, Any] | None = None
    docker_flags: list[str] | None = None

    @model_validator(mode="before")
    @classmethod
    def _derive_target(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get("target") is None and raw.get("type") in set(ProcessingType):
            return {**raw, "target": _TARGETS.get(ProcessingType(raw["type"]), ProcessingTarget.DATASET_VERSION)}
        return raw


class ProcessingChange(BaseModel):
    """Body that changes a processing; a field that is absent or null stays as it is."""

    docker_image: str | None = Field(default=None, min_length=1, max_length=512)
    docker_tag: str | None = Field(default=None, min_length=1, max_length=128)
    description: str | None = None
    default_parameters: dict[str, Any] | None = None
    default_cpu: int | None = Field(default=None, ge=1)
    default_gpu: int | None = Field(default=None, ge=0)


class InputChange(BaseModel):
    """Body that changes an input; the type stays as it is."""

    required: bool = False
    inference_type_constraint: str | None = None
    framework_constraint: str | None = None


class InputBody(InputChange):
    """Body that declares an input."""

    name: str
    input_type: InputType


@router.get(routes.PROCESSINGS, response_model=Items[Processing])
async def list_processings(
    organization: OrganizationDep, request: Request, parameters: Annotated[PageParameters, Query()]
) -> Response:
    """List the processings of an organization, oldest first; all of them unless a limit is given."""
    own = select(schema.processing).where(_COLUMNS.organization_id == organization)
    rows = await services(request).database.read(
        lambda connection: connection.execute(apply_page(own, parameters, _ORDER, _COLUMNS.created_at)).all()
    )
    return json_response({"items": [serialize_processing(row) for row in rows], "count": len(rows)})


@router.post(routes.PROCESSINGS, response_model=Processing, status_code=201, responses=refusals(409))
async def create_processing(
    organization: OrganizationDep,
    request: Request,
    body: Annotated[ProcessingBody, json_body(ProcessingBody, RESOURCE)],
) -> Response:
    """Create a processing; the name must be free."""
    validate_name(body.name, "processing")
    row = {**body.model_dump(mode="json"), "id": new_id(), "organization_id": organization, "created_at": now()}

    def make(connection: Connection) -> Row[Any]:
        return connection.execute(insert(schema.processing).values(row).returning(*_COLUMNS)).one()

    try:
        created = await services(request).database.write(make)
    except IntegrityError as error:
        raise conflict(f"A processing named {body.name!r} exists already.") from error
    return json_response(serialize_processing(created), 201)


@router.get(routes.PROCESSINGS_FIND, response_model=Processing)
async def find_processing(name: str, organization: OrganizationDep, request: Request) -> Response:
    """Find the organization's processing by name."""
    statement = select(schema.processing).where(_COLUMNS.organization_id == organization, _COLUMNS.name == name)
    return json_response(serialize_processing(await _one(request, statement, f"Processing {name!r}")))


@router.get(routes.PROCESSINGS_PUBLIC_FIND, response_model=Processing)
async def find_public_processing(name: str, request: Request, principal: PrincipalDep) -> Response:
    """Find a public processing by name."""
    statement = select(schema.processing).where(_COLUMNS.organization_id.is_(None), _COLUMNS.name == name)
    return json_response(serialize_processing(await _one(request, statement, f"Public processing {name!r}")))


@router.get(routes.PROCESSING, response_model=Processing)
async def get_processing(processing: UUID, request: Request, principal: PrincipalDep) -> Response:
    """Get a processing of the organization or a public one."""
    visible = _COLUMNS.organization_id.is_(None) | (_COLUMNS.organization_id == principal.organization_id)
    statement = select(schema.processing).where(_COLUMNS.id == processing, visible)
    return json_response(serialize_processing(await _one(request, statement, f"Processing {processing}")))


@router.patch(routes.PROCESSING, response_model=Processing)
async def change_processing(
    processing: UUID,
    request: Request,
    principal: PrincipalDep,
    body: Annotated[ProcessingChange, json_body(ProcessingChange, RESOURCE)],
) -> Response:
    """Change a processing of the organization."""
    values = {name: value for name, value in body.model_dump(mode="json").items() if value is not None}

    def change(connection: Connection) -> Row[Any] | None:
        if values:
            connection.execute(
                update(schema.processing).where(*_own_row(processing, principal.organization_id)).values(values)
            )
        return connection.execute(
            select(schema.processing).where(*_own_row(processing, principal.organization_id))
        ).first()

    row = await services(request).database.write(change)
    if row is None:
        raise not_found(f"Processing {processing}")
    return json_response(serialize_processing(row))


@router.delete(routes.PROCESSING, status_code=204)
async def delete_processing(processing: UUID, request: Request, principal: PrincipalDep) -> Response:
    """Delete a processing of the organization; its jobs stay."""
    statement = delete(schema.processing).where(*_own_row(processing, principal.organization_id))
    if not await services(request).database.delete(statement):
        raise not_found(f"Processing {processing}")
    return Response(status_code=204)


@router.get(routes.PROCESSING_INPUTS, response_model=Items[InputBody])
async def list_inputs(processing: UUID, request: Request, principal: PrincipalDep) -> Response:
    """List the declared inputs of a processing."""
    await _check_own(request, processing, principal.organization_id)
    statement = select(_INPUTS).where(_INPUTS.c.processing_id == processing).order_by(_INPUTS.c.name)
    rows = await services(request).database.read(lambda connection: connection.execute(statement).all())
    return json_response({"items": [serialize_input(row) for row in rows], "count": len(rows)})


@router.post(routes.PROCESSING_INPUTS, response_model=InputBody, status_code=201, responses=refusals(409))
async def add_input(
    processing: UUID, request: Request, principal: PrincipalDep, body: Annotated[InputBody, json_body(InputBody)]
) -> Response:
    """Declare an input."""
    validate_name(body.name, "processing's input")
    await _check_own(request, processing, principal.organization_id)
    row = {**body.model_dump(mode="json"), "processing_id": processing}

    def add(connection: Connection) -> Row[Any]:
        return connection.execute(insert(_INPUTS).values(row).returning(*_INPUTS.c)).one()

    try:
        created = await services(request).database.write(add)
    except IntegrityError as error:
        raise conflict(f"The processing has an input named {body.name!r} already.") from error
    return json_response(serialize_input(created), 201)


@router.put(routes.PROCESSING_INPUT, response_model=InputBody)
async def change_input(
    processing: UUID,
    name: str,
    request: Request,
    principal: PrincipalDep,
    body: Annotated[InputChange, json_body(InputChange)],
) -> Response:
    """Change an input."""
    await _check_own(request, processing, principal.organization_id)
    row_filter = (_INPUTS.c.processing_id == processing, _INPUTS.c.name == name)
    change = update(_INPUTS).where(*row_filter).values(body.model_dump(mode="json")).returning(*_INPUTS.c)
    row = await services(request).database.write(lambda connection: connection.execute(change).first())
    if row is None:
        raise not_found(f"Input {name!r}")
    return json_response(serialize_input(row))


@router.delete(routes.PROCESSING_INPUT, status_code=204)
async def delete_input(processing: UUID, name: str, request: Request, principal: PrincipalDep) -> Response:
    """Delete an input."""
    await _check_own(request, processing, principal.organization_id)
    statement = delete(_INPUTS).where(_INPUTS.c.processing_id == processing, _INPUTS.c.name == name)
    if not await services(request).database.delete(statement):
        raise not_found(f"Input {name!r}")
    return Response(status_code=204)


@router.post(routes.LAUNCH, response_model=Job, responses=refusals(402, 409), openapi_extra=JOB_HEADERS)
async def launch_processing(
    request: Request, lake: LakeDep, principal: PrincipalDep, body: Annotated[LaunchBody, json_body(LaunchBody, IDS)]
) -> Response:
    """Launch a processing on data of the lake; returns the job at once.

    Without `data_ids` it is the window of `offset` and `limit` in the lake's list, newest first, of every upload status
    and type; without these too, the whole lake.
    """
    row = await jobs_of(request).launch(Launch(lake, principal, body, read_job_keys(request)))
    return json_response(serialize_job(row, request))


def serialize_processing(row: Row[Any]) -> dict[str, Any]:
    """Serialize a processing for the wire."""
    names = ("id", "name", "target", "type", "description", "docker_image", "docker_tag", "docker_flags")
    defaults = ("default_cpu", "default_gpu", "default_parameters")
    return {name: getattr(row, name) for name in (*names, *defaults)}


def serialize_input(row: Row[Any]) -> dict[str, Any]:
    """Serialize a declared input for the wire."""
    names = ("name", "input_type", "required", "inference_type_constraint", "framework_constraint")
    return {name: getattr(row, name) for name in names}


def _own_row(processing: UUID, organization: UUID) -> tuple[Any, Any]:
    return _COLUMNS.id == processing, _COLUMNS.organization_id == organization


async def _check_own(request: Request, processing: UUID, organization: UUID) -> None:
    await _one(
        request, select(schema.processing).where(*_own_row(processing, organization)), f"Processing {processing}"
    )


async def _one(request: Request, statement: Select[Any], what: str) -> Row[Any]:
    row = await services(request).database.read(lambda connection: connection.execute(statement).first())
    if row is None:
        raise not_found(what)
    return row
