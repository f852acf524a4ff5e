"""Single data: read, change metadata, delete; and bulk updates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from sqlalchemy import Connection, select, update
from starlette.responses import Response

from datalake_ops.platform.catalog.bulk_update import change_data
from datalake_ops.platform.catalog.delete import delete_data
from datalake_ops.platform.catalog.metadata_schema import read_schema
from datalake_ops.platform.catalog.metadata_validation import validate_metadata
from datalake_ops.platform.catalog.ownership import LakeDep
from datalake_ops.platform.catalog.serialization import data_serializer
from datalake_ops.platform.handlers.answers import Count, CustomMetadata
from datalake_ops.platform.http.auth import PrincipalDep
from datalake_ops.platform.http.body_limits import MANY, RESOURCE
from datalake_ops.platform.http.errors import json_response, not_found
from datalake_ops.platform.http.id_list import IdList
from datalake_ops.platform.http.request_body import json_body
from datalake_ops.platform.services import base_url, services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.types import metadata_columns
from datalake_ops.wire import routes
from datalake_ops.wire.data import Data, DataChange
from datalake_ops.wire.paging import UPDATE_SIZE
from datalake_ops.wire.uploads import DownloadAddress

router = APIRouter(tags=["data"])


@dataclass(frozen=True)
class DataReference:
    """Data of the caller's organization, with its lake."""

    seq: int
    id: UUID
    object_name: str
    lake: LakeRow


class MetadataChange(BaseModel):
    """Body that replaces the metadata of a data; null empties them."""

    metadata: dict[str, Any] | None


class CustomMetadataChange(BaseModel):
    """Body that replaces the custom metadata of a data; null empties them."""

    custom_metadata: dict[str, Any] | None


class BulkChange(BaseModel):
    """Body of a bulk update: changes by id of the data."""

    objects: dict[UUID, DataChange] = Field(min_length=1, max_length=UPDATE_SIZE)


async def own_data(data: UUID, request: Request, principal: PrincipalDep) -> DataReference:
    """Resolve the data of the path; it must belong to the caller's organization."""
    found, lakes = schema.data.c, schema.lake.c
    statement = (
        select(found.seq, found.object_name, lakes.id)
        .join(schema.lake, lakes.key == found.lake_key)
        .where(found.id == data, lakes.organization_id == principal.organization_id)
    )
    dependencies = services(request)
    row = await dependencies.database.read(lambda connection: connection.execute(statement).first())
    lake = await dependencies.directory.lake(row.id) if row else None
    if row is None or lake is None:
        raise not_found(f"Data {data}")
    return DataReference(row.seq, data, row.object_name, lake)


DataDep = Annotated[DataReference, Depends(own_data)]


@router.get(routes.DATA, response_model=Data)
async def get_data(data: DataDep, request: Request) -> Response:
    """Get a data with its tags and source."""
    serializer = data_serializer(request, data.lake)
    return json_response(
        _one(data, await services(request).database.read(lambda c: serializer.serialize_many(c, [data.seq])))
    )


@router.patch(routes.DATA, response_model=Data)
async def change_metadata(
    data: DataDep, request: Request, body: Annotated[MetadataChange, json_body(MetadataChange, RESOURCE)]
) -> Response:
    """Replace the metadata as a whole."""
    metadata, serializer = validate_metadata(body.metadata), data_serializer(request, data.lake)

    def change(connection: Connection) -> list[dict[str, Any]]:
        columns = metadata_columns(metadata)
        connection.execute(update(schema.data).where(schema.data.c.seq == data.seq).values(columns))
        return serializer.serialize_many(connection, [data.seq])

    return json_response(_one(data, await services(request).database.write(change)))


@router.patch(routes.DATA_CUSTOM_METADATA, response_model=CustomMetadata)
async def change_custom_metadata(
    data: DataDep, request: Request, body: Annotated[CustomMetadataChange, json_body(CustomMetadataChange, RESOURCE)]
) -> Response:
    """Replace the custom metadata as a whole."""

    def change(connection: Connection) -> dict[str, Any] | None:
        custom = read_schema(connection, data.lake.key).validate(body.custom_metadata)
        changed = update(schema.data).where(schema.data.c.seq == data.seq).values(custom_metadata=custom)
        if not connection.execute(changed).rowcount:
            raise not_found(f"Data {data.id}")
        return custom

    return json_response({"custom_metadata": await services(request).database.write(change)})


@router.delete(routes.DATA, status_code=204)
async def delete_one(data: DataDep, request: Request) -> Response:
    """Delete a data with its tags, projections and uploaded objects."""
    await delete_data(services(request), data.lake, IdList([data.id]))
    # Exactly 204: the official SDK asserts it.
    return Response(status_code=204)


@router.get(routes.DATA_ADDRESS, response_model=DownloadAddress)
async def get_address(data: DataDep, request: Request) -> Response:
    """Get a signed address of the file."""
    give: Callable[[UUID, str, str], str] = services(request).objects.download_address
    return json_response({"presigned_url": give(data.lake.connector_id, data.object_name, base_url(request))})


@router.patch(routes.DATA_BULK, response_model=Count)
async def change_many(
    lake: LakeDep, request: Request, body: Annotated[BulkChange, json_body(BulkChange, MANY)]
) -> Response:
    """Change up to 100 data at once, all or none. Null and empty fields leave the value as it is; tags are added."""
    count = await services(request).database.write(lambda connection: change_data(connection, lake, body.objects))
    return json_response({"count": count})


def _one(data: DataReference, found: list[dict[str, Any]]) -> dict[str, Any]:
    if not found:  # Deleted since it was looked up.
        raise not_found(f"Data {data.id}")
    return found[0]
