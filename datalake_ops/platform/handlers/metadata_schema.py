"""Custom metadata schema of a lake."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy import Connection, delete, update
from sqlalchemy.dialects.sqlite import insert
from starlette.responses import Response

from datalake_ops.platform.catalog.metadata_schema import (
    KEY_LENGTH,
    Configuration,
    read_schema,
    serialize_configuration,
)
from datalake_ops.platform.catalog.ownership import LakeDep
from datalake_ops.platform.handlers.answers import MetadataSchema
from datalake_ops.platform.http.body_limits import RESOURCE
from datalake_ops.platform.http.errors import bad_request, json_response, not_found
from datalake_ops.platform.http.request_body import json_body
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.wire import routes

router = APIRouter(tags=["custom metadata"])

# A key may hold a slash, which servers decode before routing.
_KEY = routes.METADATA_SCHEMA_KEY.replace("{key}", "{key:path}")


class ExtraKeys(BaseModel):
    """Body that allows or forbids keys outside the schema."""

    allow_extra_custom_metadata: bool


@router.get(routes.METADATA_SCHEMA, response_model=MetadataSchema)
async def get_schema(lake: LakeDep, request: Request) -> Response:
    """Get the configured keys of a lake."""
    return json_response(await services(request).database.read(lambda connection: _serialize(connection, lake)))


@router.patch(routes.METADATA_SCHEMA, response_model=MetadataSchema)
async def allow_extra_keys(
    lake: LakeDep, request: Request, body: Annotated[ExtraKeys, json_body(ExtraKeys)]
) -> Response:
    """Allow or forbid keys outside the schema."""
    allowed = body.allow_extra_custom_metadata
    change = update(schema.lake).where(schema.lake.c.key == lake.key).values(allow_extra_custom_metadata=allowed)

    def allow(connection: Connection) -> dict[str, Any]:
        connection.execute(change)
        return _serialize(connection, lake)

    shape = await services(request).database.write(allow)
    services(request).directory.forget_schema(lake)
    return json_response(shape)


@router.post(_KEY, response_model=Configuration)
async def put_key(
    key: str,
    lake: LakeDep,
    request: Request,
    body: Annotated[Configuration, json_body(Configuration, RESOURCE, tagged=True)],
) -> Response:
    """Create or replace the configuration of a key."""
    if not key or len(key) > KEY_LENGTH:
        raise bad_request(f"A key has 1 to {KEY_LENGTH} characters, this one {len(key)}.")
    shape = serialize_configuration(body)
    row = insert(schema.metadata_key).values(lake_key=lake.key, name=key, configuration=shape)
    upsert = row.on_conflict_do_update(
        index_elements=["lake_key", "name"], set_={"configuration": row.excluded.configuration}
    )
    await services(request).database.write(lambda connection: connection.execute(upsert).rowcount)
    services(request).directory.forget_schema(lake)
    return json_response(shape)


@router.delete(_KEY, status_code=204)
async def delete_key(key: str, lake: LakeDep, request: Request) -> Response:
    """Delete a key from the schema; data keep their values under it."""
    keys = schema.metadata_key.c
    statement = delete(schema.metadata_key).where(keys.lake_key == lake.key, keys.name == key)
    if not await services(request).database.delete(statement):
        raise not_found(f"The custom metadata key {key!r}")
    services(request).directory.forget_schema(lake)
    return Response(status_code=204)


def _serialize(connection: Connection, lake: LakeRow) -> dict[str, Any]:
    found = read_schema(connection, lake.key)
    keys = {name: serialize_configuration(configuration) for name, configuration in found.keys.items()}
    return {
        "custom_metadata_schema": keys or None,
        "allow_extra_custom_metadata": found.allow_extra,
        # No key is indexed here, so there is no indexation to report.
        "keys": {},
    }
