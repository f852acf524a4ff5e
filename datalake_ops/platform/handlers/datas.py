"""Data of a lake: register, find, list in three ways, delete many."""

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
from datalake_ops.platform.catalog.listing import ListingQuery, compile_listing
from datalake_ops.platform.catalog.listing_filter import STATUSES, TYPES, ListingFilter
from datalake_ops.platform.catalog.listing_parameters import DataLookup, FindParameters, ListingParameters
from datalake_ops.platform.catalog.ownership import LakeDep, LakeRoute
from datalake_ops.platform.catalog.register import not_stored, probe_outcome, registration, validate_filename
from datalake_ops.platform.catalog.serialization import data_serializer
from datalake_ops.platform.handlers.answers import Count
from datalake_ops.platform.http.body_limits import IDS, MANY, RESOURCE
from datalake_ops.platform.http.errors import bad_request, json_response, not_found
from datalake_ops.platform.http.id_list import IdList
from datalake_ops.platform.http.request_body import json_body
from datalake_ops.platform.objects.object_scope import check_object
from datalake_ops.platform.services import MediaProperties, ObjectStore, ProbeFailure, services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.raw import rows_by_keys
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.wire import routes
from datalake_ops.wire.data import Data, DataToCreate
from datalake_ops.wire.paging import Page

router = APIRouter(tags=["data"])

_IDS = "SELECT seq, id FROM data WHERE seq IN (SELECT value FROM json_each(?))"


class DataIds(BaseModel):
    """Body with ids of data."""

    ids: IdList


async def create_data(
    lake: LakeDep, request: Request, body: Annotated[DataToCreate, json_body(DataToCreate, RESOURCE)]
) -> Response:
    """Register an uploaded object. The same object name again returns the data of the first request.

    The platform reads the file before it answers: DONE with its true size, or ERROR with the reason. The body's `meta`
    is not needed.
    """
    validate_filename(body.filename)
    await check_object(request, lake.connector_id, body.object_name)
    dependencies = services(request)
    if body.custom_metadata:
        (await dependencies.directory.metadata_schema(lake)).validate(body.custom_metadata)
    probe, serializer = partial(_probe, dependencies.objects, lake, body), data_serializer(request, lake)
    created = await dependencies.database.write_prepared(
        lambda: registration(lake, body, probe_outcome(probe()), serializer, dependencies.objects)
    )
    return json_response(created, 201)


router.add_api_route(
    routes.DATAS, create_data, methods=["POST"], status_code=201, route_class_override=LakeRoute, response_model=Data
)


def _probe(objects: ObjectStore, lake: LakeRow, body: DataToCreate) -> MediaProperties | ProbeFailure:
    if objects.stat(lake.connector_id, body.object_name) is None:
        raise not_stored(body.object_name)
    return objects.probe(lake.connector_id, body.object_name, body.content_type)


@router.get(routes.DATAS_FIND, response_model=Data)
async def find_data(lake: LakeDep, request: Request, parameters: Annotated[FindParameters, Query()]) -> Response:
    """Find one data by id, file name or object name; 404 for none, 400 for several."""
    criteria, serializer = parameters.criteria(), data_serializer(request, lake)

    def read(connection: Connection) -> dict[str, Any]:
        conditions = [schema.data.c[name] == value for name, value in criteria.items()]
        seqs = compile_listing(connection, lake, parameters.listing_filter()).matching_keys(connection, conditions, 2)
        words = " and ".join(f"{name} {value}" for name, value in criteria.items())
        if not seqs:
            raise not_found(f"Data with {words}")
        if len(seqs) > 1:
            raise bad_request(f"Several data have {words}; list them, or find by object_name or id.")
        return serializer.serialize_many(connection, seqs)[0]

    return json_response(await services(request).database.read(read))


@router.get(routes.DATAS_IDS, response_model=Page[UUID])
async def list_ids(lake: LakeDep, request: Request, listing: Annotated[ListingParameters, Query()]) -> Response:
    """List ids only, by cursor; every status and type unless some are named."""
    listing_filter = listing.listing_filter()
    # The SDK expects everything from this route without naming statuses or types.
    listing_filter = replace(
        listing_filter,
        statuses=listing_filter.statuses if listing.upload_statuses is not None else STATUSES,
        types=listing_filter.types if listing.types is not None else TYPES,
    )

    def read(connection: Connection) -> bytes:
        seqs, count, cursor = _page(connection, lake, listing, listing_filter)
        return _page_body(_ids(connection, seqs), count, cursor)

    return Response(await services(request).database.read(read), media_type="application/json")


@router.get(routes.DATAS, response_model=Page[Data])
async def list_data(lake: LakeDep, request: Request, listing: Annotated[ListingParameters, Query()]) -> Response:
    """List a page of data: by cursor, newest first; with `order_by`, by offset."""
    listing_filter, serializer = listing.listing_filter(), data_serializer(request, lake)

    def read(connection: Connection) -> bytes:
        seqs, count, cursor = _page(connection, lake, listing, listing_filter)
        return _page_body(serializer.serialize_many(connection, seqs), count, cursor)

    return Response(await services(request).database.read(read), media_type="application/json")


# The OpenAPI document cannot describe this method; the page at /docs mentions it.
@router.api_route(routes.DATAS, methods=["XGET"], include_in_schema=False)
async def list_by_values(
    lake: LakeDep,
    request: Request,
    listing: Annotated[ListingParameters, Query()],
    lookup: Annotated[DataLookup, json_body(DataLookup, MANY)],
) -> Response:
    """List data by ids, file names or object names, in the order of the request; unknown ones are left out."""
    serializer = data_serializer(request, lake)
    both = ListingParameters.model_construct(
        q=lookup.q,
        custom_metadata=listing.custom_metadata,
        upload_statuses=lookup.upload_statuses,
        types=lookup.types,
    )

    def read(connection: Connection) -> bytes:
        seqs = _lookup_keys(
            connection, compile_listing(connection, lake, both.listing_filter()), lookup, listing.order_by
        )
        items = serializer.serialize_many(connection, seqs)
        return _page_body(items, len(items), None)

    return Response(await services(request).database.read(read), media_type="application/json")


@router.delete(routes.DATAS, response_model=Count)
async def delete_many(lake: LakeDep, request: Request, body: Annotated[DataIds, json_body(DataIds, IDS)]) -> Response:
    """Delete data with their tags, projections and uploaded objects; unknown ids are ignored."""
    count = await delete_data(services(request), lake, body.ids)
    return json_response({"count": count})


def _page(
    connection: Connection, lake: LakeRow, listing: ListingParameters, listing_filter: ListingFilter
) -> tuple[list[int], int, str | None]:
    """Keys of a page, total number of matches, and cursor of the next page."""
    selection = compile_listing(connection, lake, listing_filter)
    if listing.order_by:
        seqs = selection.ordered_keys(connection, listing.order_by, listing.limit, listing.offset)
        return seqs, selection.count(connection), None
    identity = digest([str(lake.id), *listing_filter.identity()])
    cursor = read_cursor(listing.cursor, identity) if listing.cursor else None
    before, offset = (cursor.after, 0) if cursor else (None, listing.offset)
    seqs = selection.newest_keys(connection, listing.limit, before, offset)
    count = cursor.count if cursor else selection.count(connection)
    # A page that is not full is the last one.
    more = len(seqs) == listing.limit
    return seqs, count, write_cursor(Cursor(seqs[-1], count), identity) if more else None


def _page_body(items: list[Any], count: int, cursor: str | None) -> bytes:
    return orjson.dumps({"items": items, "count": count, "next_cursor": cursor}, option=orjson.OPT_UTC_Z)


def _ids(connection: Connection, seqs: list[int]) -> list[UUID]:
    known = {seq: UUID(bytes=data_id) for seq, data_id in rows_by_keys(connection, _IDS, seqs)}
    return [known[seq] for seq in seqs if seq in known]


def _lookup_keys(connection: Connection, selection: ListingQuery, lookup: DataLookup, order_by: list[str]) -> list[int]:
    columns = {"id": lookup.ids, "filename": lookup.filenames, "object_name": lookup.object_names}
    name, values = next((name, values) for name, values in columns.items() if values is not None)
    distinct = list(dict.fromkeys(values))
    found = selection.keys_by_value(connection, schema.data.c[name], distinct)
    seqs = [seq for value in distinct for seq in found.get(value, ())]
    return selection.sort(connection, seqs, order_by) if order_by else seqs
