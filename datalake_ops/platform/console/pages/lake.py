"""Page of a lake: its data as a grid of pictures, filtered and paged."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from datalake_ops.platform.catalog.listing_filter import STATUSES
from datalake_ops.platform.catalog.serialization import data_serializer
from datalake_ops.platform.console.lake_filter import ALL, ANY, ORDERS, LakeFilter
from datalake_ops.platform.console.lake_page import read_page
from datalake_ops.platform.console.rendering import page
from datalake_ops.platform.console.routing import PageRoute, require_lake, require_session
from datalake_ops.platform.console.selection import MATCHING, TICKED
from datalake_ops.platform.http.errors import RefusalError
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow

router = APIRouter(include_in_schema=False, route_class=PageRoute)

# Names that the fields of the filter suggest; all others can be typed.
_NAMES = 200


@router.get("/{organization:uuid}/datalake/{datalake:uuid}")
async def show(request: Request, organization: UUID, datalake: UUID) -> Response:
    """Show a page of the lake's data."""
    session = await require_session(request)
    lake = await require_lake(request, session, datalake)
    pairs = request.query_params.multi_items()
    filter_, problem, found = LakeFilter.of(()), "", None
    try:
        filter_ = LakeFilter.of(pairs)
        found = await read_page(services(request), lake, filter_, request.query_params.get("cursor"))
    except RefusalError as error:
        problem = error.message
    serializer = data_serializer(request, lake)
    keys = found.keys if found else []

    def read(connection: Connection) -> tuple[list[dict[str, Any]], list[str], list[str]]:
        return serializer.serialize_many(connection, keys), *_names(connection, lake)

    items, tags, sources = await services(request).database.read(read)
    address = f"/{organization}/datalake/{datalake}"
    typed = request.query_params.get("q", "") if problem else filter_.q
    return page(
        request,
        "lake.html",
        session,
        400 if problem else 200,
        lake=lake,
        address=address,
        filter=filter_,
        typed=typed,
        problem=problem,
        items=items,
        count=found.count if found else None,
        first=_with(address, filter_) if request.query_params.get("cursor") else "",
        next=_with(address, filter_, found.next_cursor) if found and found.next_cursor else "",
        tags=tags,
        sources=sources,
        statuses=[("", "any"), *((status, status) for status in sorted(STATUSES))],
        matches=[(ANY, "any of them"), (ALL, "all of them")],
        orders=list(ORDERS.items()),
        ticked=TICKED,
        matching=MATCHING,
    )


def _with(address: str, filter_: LakeFilter, cursor: str = "") -> str:
    query = "&".join(part for part in (filter_.query, f"cursor={cursor}" if cursor else "") if part)
    return f"{address}?{query}" if query else address


def _names(connection: Connection, lake: LakeRow) -> tuple[list[str], list[str]]:
    """Names of the lake's most used tags, and of the organization's sources."""
    tag, source = schema.tag.c, schema.source.c
    tags = select(tag.name).where(tag.lake_key == lake.key).order_by(tag.data_count.desc(), tag.name).limit(_NAMES)
    own = select(source.name).where(source.organization_id == lake.organization_id)
    sources = own.order_by(source.name).limit(_NAMES)
    return list(connection.scalars(tags)), list(connection.scalars(sources))
