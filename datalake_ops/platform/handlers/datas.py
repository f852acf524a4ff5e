"""The data of a lake: register, find, list in three ways, delete many."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from sqlalchemy import Connection
from starlette.responses import Response

from datalake_ops.platform.catalog.cursors import Cursor, digest, read_cursor, write_cursor
from datalake_ops.platform.catalog.delete import delete_data
from datalake_ops.platform.catalog.listing import STATUSES, TYPES, Asked, Selection, choose
from datalake_ops.platform.catalog.listing_parameters import Chosen, Listing, Wanted
from datalake_ops.platform.catalog.ownership import LakeOf, LakeRoute
from datalake_ops.platform.catalog.register import checked_filename, outcome, registering
from datalake_ops.platform.catalog.serialization import shaper
from datalake_ops.platform.http.errors import bad_request, json_response, not_found
from datalake_ops.platform.http.request_body import read_body
from datalake_ops.platform.lake import Lake
from datalake_ops.platform.services import Measured, ObjectStore, Unreadable, services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.raw import among
from datalake_ops.wire import routes
from datalake_ops.wire.data import DataToCreate

router = APIRouter(tags=["data"])

_IDS = "SELECT seq, id FROM data WHERE seq IN (SELECT value FROM json_each(?))"

_CREATED = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": DataToCreate.model_json_schema()}}}
}


class Ids(BaseModel):
    """Identifiers of data."""

    ids: list[UUID]


async def create_data(lake: LakeOf, request: Request) -> Response:
    """Register an uploaded object. The same object name again gives the data that it made the first time.

    The platform reads the file before it answers: DONE with its true size, or ERROR with the reason. The body's `meta`
    is not needed.
    """
    body = await read_body(request, DataToCreate)
    checked_filename(body.filename)
    used = services(request)
    if body.custom_metadata:
        (await used.directory.metadata_schema(lake)).checked(body.custom_metadata)
    measure, show = partial(_measure, used.objects, lake, body), shaper(request, lake)
    made = await used.database.write_prepared(lambda: registering(lake, body, outcome(measure()), show))
    return json_response(made, 201)


router.add_api_route(
    routes.DATAS, create_data, methods=["POST"], status_code=201, route_class_override=LakeRoute, openapi_extra=_CREATED
)


def _measure(objects: ObjectStore, lake: Lake, body: DataToCreate) -> Measured | Unreadable:
    if objects.stat(lake.connector_id, body.object_name) is None:
        raise bad_request(f"object_name {body.object_name!r} is not in the storage; upload the file first.")
    return objects.measure(lake.connector_id, body.object_name, body.content_type)


@router.get(routes.DATAS_FIND)
async def find_data(lake: LakeOf, request: Request, wanted: Annotated[Wanted, Query()]) -> Response:
    """The one data that matches; 404 for none, 400 for several."""
    criteria, shape = wanted.criteria(), shaper(request, lake)

    def read(connection: Connection) -> dict[str, Any]:
        conditions = [schema.data.c[name] == value for name, value in criteria.items()]
        seqs = choose(connection, lake, wanted.asked()).matching(connection, conditions, 2)
        words = " and ".join(f"{name} {value}" for name, value in criteria.items())
        if not seqs:
            raise not_found(f"Data with {words}")
        if len(seqs) > 1:
            raise bad_request(f"Several data have {words}; list them, or find by object_name or id.")
        return shape.shapes(connection, seqs)[0]

    return json_response(await services(request).database.read(read))


@router.get(routes.DATAS_IDS)
async def list_ids(lake: LakeOf, request: Request, listing: Annotated[Listing, Query()]) -> Response:
    """Identifiers only, by cursor; every status and type unless some are named."""
    asked = listing.asked()
    # The SDK asks this route for everything without saying so.
    asked = replace(
        asked,
        statuses=asked.statuses if listing.upload_statuses is not None else STATUSES,
        types=asked.types if listing.types is not None else TYPES,
    )

    def read(connection: Connection) -> bytes:
        seqs, count, cursor = _page(connection, lake, listing, asked)
        return _page_body(_ids(connection, seqs), count, cursor)

    return Response(await services(request).database.read(read), media_type="application/json")


@router.get(routes.DATAS)
async def list_data(lake: LakeOf, request: Request, listing: Annotated[Listing, Query()]) -> Response:
    """A page of data: by cursor, newest first; with `order_by`, by offset."""
    asked, shape = listing.asked(), shaper(request, lake)

    def read(connection: Connection) -> bytes:
        seqs, count, cursor = _page(connection, lake, listing, asked)
        return _page_body(shape.shapes(connection, seqs), count, cursor)

    return Response(await services(request).database.read(read), media_type="application/json")


# The OpenAPI document cannot describe this method; the page at /docs tells of it.
@router.api_route(routes.DATAS, methods=["XGET"], include_in_schema=False)
async def list_chosen(lake: LakeOf, request: Request, listing: Annotated[Listing, Query()]) -> Response:
    """The data of ids, file names or object names, in the order they were asked in; unknown ones are left out."""
    chosen, shape = await read_body(request, Chosen), shaper(request, lake)
    both = Listing.model_construct(
        q=chosen.q,
        custom_metadata=listing.custom_metadata,
        upload_statuses=chosen.upload_statuses,
        types=chosen.types,
    )

    def read(connection: Connection) -> bytes:
        seqs = _chosen(connection, choose(connection, lake, both.asked()), chosen, listing.order_by)
        items = shape.shapes(connection, seqs)
        return _page_body(items, len(items), None)

    return Response(await services(request).database.read(read), media_type="application/json")


@router.delete(routes.DATAS)
async def delete_many(lake: LakeOf, request: Request) -> Response:
    """Delete data, with everything made from them; unknown ids are passed over."""
    body = await read_body(request, Ids)
    count = await delete_data(services(request), lake, body.ids)
    return json_response({"count": count})


def _page(connection: Connection, lake: Lake, listing: Listing, asked: Asked) -> tuple[list[int], int, str | None]:
    """Keys of a page, how many match in all, and the cursor of the next page."""
    selection = choose(connection, lake, asked)
    if listing.order_by:
        seqs = selection.ordered(connection, listing.order_by, listing.limit, listing.offset)
        return seqs, selection.count(connection), None
    identity = digest([str(lake.id), *asked.identity()])
    cursor = read_cursor(listing.cursor, identity) if listing.cursor else None
    before, offset = (cursor.after, 0) if cursor else (None, listing.offset)
    seqs = selection.newest(connection, listing.limit, before, offset)
    count = cursor.count if cursor else selection.count(connection)
    # A page that is not full is the last one.
    more = len(seqs) == listing.limit
    return seqs, count, write_cursor(Cursor(seqs[-1], count), identity) if more else None


def _page_body(items: list[Any], count: int, cursor: str | None) -> bytes:
    return orjson.dumps({"items": items, "count": count, "next_cursor": cursor}, option=orjson.OPT_UTC_Z)


def _ids(connection: Connection, seqs: list[int]) -> list[UUID]:
    known = {seq: UUID(bytes=data_id) for seq, data_id in among(connection, _IDS, seqs)}
    return [known[seq] for seq in seqs if seq in known]


def _chosen(connection: Connection, selection: Selection, chosen: Chosen, order_by: list[str]) -> list[int]:
    columns = {"id": chosen.ids, "filename": chosen.filenames, "object_name": chosen.object_names}
    name, values = next((name, values) for name, values in columns.items() if values is not None)
    asked = list(dict.fromkeys(values))
    found = selection.among(connection, schema.data.c[name], asked)
    seqs = [seq for value in asked for seq in found.get(value, ())]
    return selection.sort(connection, seqs, order_by) if order_by else seqs
