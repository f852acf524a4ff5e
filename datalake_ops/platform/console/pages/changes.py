"""Changes of chosen data: tags are added or taken off, data are deleted."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from datalake_ops.platform.catalog.attachments import attach, chunks, detach
from datalake_ops.platform.catalog.delete import delete_data
from datalake_ops.platform.catalog.tags_and_sources import tag_keys, validate_name
from datalake_ops.platform.console.forms import read_form
from datalake_ops.platform.console.rendering import page, see_other
from datalake_ops.platform.console.routing import PageRoute, require_lake, require_session
from datalake_ops.platform.console.selection import Selection, read_selection, tag_by_name
from datalake_ops.platform.http.errors import not_found
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_LAKE = "/{organization:uuid}/datalake/{datalake:uuid}"


@router.post(f"{_LAKE}/tag")
async def add_tag(request: Request, organization: UUID, datalake: UUID) -> Response:
    """Put a tag on the chosen data; one of a new name is created."""
    session = await require_session(request)
    lake = await require_lake(request, session, datalake)
    form = await read_form(request, session.id)
    name = validate_name(form.get("name"), "tag")
    chosen = await read_selection(request, lake, form)
    database = services(request).database

    def key_of(connection: Connection) -> int:
        return tag_keys(connection, lake, [name])[name]

    key = await database.write(key_of)
    parts = [partial(attach, tag_key=key, lake_key=lake.key, ids=part) for part in chunks(chosen.ids)]
    count = sum([await database.write(part) for part in parts])
    return see_other(request, _back(lake, chosen), f"{count:,} data carry the tag {name}.")


@router.post(f"{_LAKE}/untag")
async def remove_tag(request: Request, organization: UUID, datalake: UUID) -> Response:
    """Take a tag off the chosen data."""
    session = await require_session(request)
    lake = await require_lake(request, session, datalake)
    form = await read_form(request, session.id)
    name = validate_name(form.get("name"), "tag")
    chosen = await read_selection(request, lake, form)
    tag = await tag_by_name(request, lake, name)
    if tag is None:
        return see_other(request, _back(lake, chosen), f"The datalake has no tag {name}.", "warning")
    database = services(request).database
    parts = [partial(detach, tag_key=tag.key, lake_key=lake.key, ids=part) for part in chunks(chosen.ids)]
    count = sum([await database.write(part) for part in parts])
    return see_other(request, _back(lake, chosen), f"The tag {name} was taken off {count:,} data.")


@router.post(f"{_LAKE}/delete")
async def delete(request: Request, organization: UUID, datalake: UUID) -> Response:
    """Ask whether the chosen data are to be deleted; delete them once that is said."""
    session = await require_session(request)
    lake = await require_lake(request, session, datalake)
    form = await read_form(request, session.id)
    chosen = await read_selection(request, lake, form)
    back = _back(lake, chosen)
    if form.get("sure") != "yes":
        address = f"/{organization}/datalake/{datalake}"
        values: dict[str, Any] = {"count": len(chosen.ids), "fields": chosen.fields, "address": address, "back": back}
        return page(request, "delete.html", session, lake=lake, **values)
    count = await delete_data(services(request), lake, chosen.ids)
    return see_other(request, back, f"{count:,} data were deleted.")


@router.post(f"{_LAKE}/data/{{data:uuid}}/{{verb}}")
async def change_one(request: Request, organization: UUID, datalake: UUID, data: UUID, verb: str) -> Response:
    """Put a tag on one data (`tag`), or take it off (`untag`)."""
    if verb not in ("tag", "untag"):
        raise not_found("The page")
    session = await require_session(request)
    lake = await require_lake(request, session, datalake)
    form = await read_form(request, session.id)
    name = validate_name(form.get("name"), "tag")

    def change(connection: Connection) -> int:
        if verb == "tag":
            return attach(connection, tag_keys(connection, lake, [name])[name], lake.key, [data])
        tag = schema.tag.c
        key = connection.scalar(select(tag.key).where(tag.lake_key == lake.key, tag.name == name))
        return 0 if key is None else detach(connection, key, lake.key, [data])

    await services(request).database.write(change)
    words = f"Tagged {name}." if verb == "tag" else f"The tag {name} was taken off."
    return see_other(request, f"/{organization}/datalake/{datalake}/data/{data}", words)


def _back(lake: LakeRow, chosen: Selection) -> str:
    return f"/{lake.organization_id}/datalake/{lake.id}?{chosen.filter.query}".rstrip("?")
