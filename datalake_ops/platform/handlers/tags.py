"""Tags of a lake's data, and of the organization's other resources."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from datalake_ops.platform.catalog.attachments import attach, chunks, detach
from datalake_ops.platform.catalog.ordering import PageParameters, apply_page
from datalake_ops.platform.catalog.ownership import LakeDep, OrganizationDep
from datalake_ops.platform.catalog.tags_and_sources import insert_tag, validate_name
from datalake_ops.platform.handlers.answers import Items
from datalake_ops.platform.http.auth import PrincipalDep
from datalake_ops.platform.http.body_limits import IDS
from datalake_ops.platform.http.errors import bad_request, conflict, json_response, not_found
from datalake_ops.platform.http.id_list import IdList
from datalake_ops.platform.http.openapi import refusals
from datalake_ops.platform.http.request_body import json_body
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.types import new_id, now
from datalake_ops.wire import routes
from datalake_ops.wire.tags import Tag, TagAttachment, TagTarget

router = APIRouter(tags=["tags"])

_TAGS = schema.tag.c
_ORDER = {"name": _TAGS.name, "created_at": _TAGS.key, "id": _TAGS.id}


class TagBody(BaseModel):
    """Body with the name of a tag."""

    name: str


class OrganizationTagBody(TagBody):
    """Body that creates a tag for resources other than data."""

    target_type: TagTarget


class TagPageParameters(PageParameters):
    """Page of a list of tags, of one target type."""

    target_type: TagTarget | None = None


@router.get(routes.TAGS, response_model=Items[Tag])
async def list_tags(lake: LakeDep, request: Request, parameters: Annotated[PageParameters, Query()]) -> Response:
    """List the data tags of a lake, oldest first; all of them unless a limit is given."""
    return json_response(await _many(request, select(schema.tag).where(_TAGS.lake_key == lake.key), parameters))


@router.post(routes.TAGS, response_model=Tag, status_code=201, responses=refusals(409))
async def create_tag(lake: LakeDep, request: Request, body: Annotated[TagBody, json_body(TagBody)]) -> Response:
    """Create a data tag; the name must be free in the lake."""
    name = validate_name(body.name, "tag")
    try:
        row = await services(request).database.write(lambda connection: insert_tag(connection, lake, name))
    except IntegrityError as error:
        raise conflict(f"A tag named {name!r} exists already in the datalake.") from error
    return json_response(serialize_tag(row), 201)


@router.get(routes.TAGS_FIND, response_model=Tag)
async def find_tag(name: str, lake: LakeDep, request: Request) -> Response:
    """Find a data tag by name, case-sensitive."""
    statement = select(schema.tag).where(_TAGS.lake_key == lake.key, _TAGS.name == name)
    return json_response(await _one(request, statement, f"Tag {name!r}"))


@router.get(routes.ORGANIZATION_TAGS, response_model=Items[Tag])
async def list_organization_tags(
    organization: OrganizationDep, request: Request, parameters: Annotated[TagPageParameters, Query()]
) -> Response:
    """List the organization's tags of resources other than data."""
    own = select(schema.tag).where(_TAGS.organization_id == organization, _TAGS.lake_key.is_(None))
    if parameters.target_type is not None:
        own = own.where(_TAGS.target_type == parameters.target_type)
    return json_response(await _many(request, own, parameters))


@router.post(routes.ORGANIZATION_TAGS, response_model=Tag, status_code=201, responses=refusals(409))
async def create_organization_tag(
    organization: OrganizationDep,
    request: Request,
    body: Annotated[OrganizationTagBody, json_body(OrganizationTagBody)],
) -> Response:
    """Create a tag for resources other than data."""
    if body.target_type is TagTarget.DATA:
        raise bad_request("Tags of data belong to a datalake; create it there.")
    name = validate_name(body.name, "tag")
    row = {"id": new_id(), "organization_id": organization, "name": name, "created_at": now()}
    statement = insert(schema.tag).values(target_type=body.target_type, **row).returning(*_TAGS)
    try:
        tag = await services(request).database.write(lambda connection: connection.execute(statement).one())
    except IntegrityError as error:
        raise conflict(f"A tag named {name!r} exists already for {body.target_type}.") from error
    return json_response(serialize_tag(tag), 201)


@router.get(routes.ORGANIZATION_TAGS_FIND, response_model=Tag)
async def find_organization_tag(
    name: str, target_type: TagTarget, organization: OrganizationDep, request: Request
) -> Response:
    """Find the organization's tag by name and target type."""
    own = (_TAGS.organization_id == organization, _TAGS.lake_key.is_(None))
    statement = select(schema.tag).where(*own, _TAGS.name == name, _TAGS.target_type == target_type)
    return json_response(await _one(request, statement, f"Tag {name!r}"))


@router.get(routes.TAG, response_model=Tag)
async def get_tag(tag: UUID, request: Request, principal: PrincipalDep) -> Response:
    """Get a tag."""
    return json_response(
        await _one(request, select(schema.tag).where(*_own_row(tag, principal.organization_id)), _named(tag))
    )


@router.patch(routes.TAG, response_model=Tag, responses=refusals(409))
async def rename_tag(
    tag: UUID, request: Request, principal: PrincipalDep, body: Annotated[TagBody, json_body(TagBody)]
) -> Response:
    """Rename a tag; data keep it."""
    name = validate_name(body.name, "tag")
    change = update(schema.tag).where(*_own_row(tag, principal.organization_id)).values(name=name).returning(*_TAGS)
    try:
        row = await services(request).database.write(lambda connection: connection.execute(change).first())
    except IntegrityError as error:
        raise conflict(f"A tag named {name!r} exists already.") from error
    if row is None:
        raise not_found(_named(tag))
    return json_response(serialize_tag(row))


@router.delete(routes.TAG, status_code=204)
async def delete_tag(tag: UUID, request: Request, principal: PrincipalDep) -> Response:
    """Delete a tag, and take it off the data that carry it."""
    statement = delete(schema.tag).where(*_own_row(tag, principal.organization_id))
    if not await services(request).database.delete(statement):
        raise not_found(_named(tag))
    return Response(status_code=204)


@router.post(routes.TAG_ATTACH, response_model=TagAttachment)
async def attach_tag(
    tag: UUID, request: Request, principal: PrincipalDep, ids: Annotated[IdList, json_body(IdList, IDS)]
) -> Response:
    """Put a tag on data; unknown data and data of other lakes are passed over, twice is once."""
    return json_response(await _reach(request, principal.organization_id, tag, attach, ids))


@router.post(routes.TAG_DETACH, response_model=TagAttachment)
async def detach_tag(
    tag: UUID, request: Request, principal: PrincipalDep, ids: Annotated[IdList, json_body(IdList, IDS)]
) -> Response:
    """Take a tag off data; data that do not carry it are passed over."""
    return json_response(await _reach(request, principal.organization_id, tag, detach, ids))


def serialize_tag(row: Any) -> dict[str, Any]:
    """Serialize a tag for the wire."""
    return {"id": row.id, "name": row.name, "target_type": row.target_type}


async def _reach(
    request: Request, organization: UUID, tag: UUID, change: Callable[..., int], ids: IdList
) -> dict[str, Any]:
    statement = select(schema.tag).where(*_own_row(tag, organization))
    database = services(request).database
    row = await database.read(lambda connection: connection.execute(statement).first())
    if row is None:
        raise not_found(_named(tag))
    counts = [
        await database.write(partial(change, tag_key=row.key, lake_key=row.lake_key, ids=part)) for part in chunks(ids)
    ]
    return {"tag": serialize_tag(row), "count": sum(counts)}


def _named(tag: UUID) -> str:
    return f"Tag {tag}"


def _own_row(tag: UUID, organization: UUID) -> tuple[Any, Any]:
    return _TAGS.id == tag, _TAGS.organization_id == organization


async def _one(request: Request, statement: Select[Any], what: str) -> dict[str, Any]:
    row = await services(request).database.read(lambda connection: connection.execute(statement).first())
    if row is None:
        raise not_found(what)
    return serialize_tag(row)


async def _many(request: Request, statement: Select[Any], parameters: PageParameters) -> dict[str, Any]:
    chosen = apply_page(statement, parameters, _ORDER, _TAGS.key)
    rows = await services(request).database.read(lambda connection: connection.execute(chosen).all())
    return {"items": [serialize_tag(row) for row in rows], "count": len(rows)}
