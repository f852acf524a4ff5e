"""Projections of a data: other renderings, stored beside it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from sqlalchemy import Connection, Row, delete, select
from sqlalchemy.dialects.sqlite import insert
from starlette.responses import Response

from datalake_ops.platform.catalog.delete import object_removal, unused_objects
from datalake_ops.platform.catalog.register import not_stored, validate_filename
from datalake_ops.platform.catalog.tags_and_sources import validate_name
from datalake_ops.platform.handlers.answers import Items
from datalake_ops.platform.handlers.data import DataDep
from datalake_ops.platform.http.auth import PrincipalDep
from datalake_ops.platform.http.body_limits import RESOURCE
from datalake_ops.platform.http.errors import json_response, not_found
from datalake_ops.platform.http.request_body import json_body
from datalake_ops.platform.objects.object_scope import check_object
from datalake_ops.platform.services import base_url, services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.types import new_id, now
from datalake_ops.wire import routes
from datalake_ops.wire.data import DataProjection, ProjectionToCreate, UploadStatus
from datalake_ops.wire.uploads import DownloadAddress

router = APIRouter(tags=["projections"])

_PROJECTION = schema.projection.c


async def own_projection(projection: UUID, request: Request, principal: PrincipalDep) -> Row[Any]:
    """Resolve the projection of the path, with its lake's connector; it must belong to the caller's organization."""
    statement = (
        select(schema.projection, schema.lake.c.connector_id)
        .join(schema.data, schema.data.c.seq == _PROJECTION.data_seq)
        .join(schema.lake, schema.lake.c.key == schema.data.c.lake_key)
        .where(_PROJECTION.id == projection, schema.lake.c.organization_id == principal.organization_id)
    )
    row = await services(request).database.read(lambda connection: connection.execute(statement).first())
    if row is None:
        raise not_found(f"Projection {projection}")
    return row


ProjectionDep = Annotated[Row[Any], Depends(own_projection)]


@router.get(routes.PROJECTIONS, response_model=Items[DataProjection])
async def list_projections(data: DataDep, request: Request) -> Response:
    """List the projections of a data, oldest first."""
    statement = select(schema.projection).where(_PROJECTION.data_seq == data.seq).order_by(_PROJECTION.created_at)
    rows = await services(request).database.read(lambda connection: connection.execute(statement).all())
    items = [_serialize(request, row, data.lake.connector_id) for row in rows]
    return json_response({"items": items, "count": len(items)})


@router.post(routes.PROJECTIONS, response_model=DataProjection, status_code=201)
async def create_projection(
    data: DataDep, request: Request, body: Annotated[ProjectionToCreate, json_body(ProjectionToCreate, RESOURCE)]
) -> Response:
    """Register an uploaded projection. The same object name again returns the projection of the first request."""
    validate_filename(body.filename)
    validate_name(body.name, "projection")
    connector = data.lake.connector_id
    await check_object(request, connector, body.object_name)
    objects = services(request).objects
    stored = objects.stat(connector, body.object_name)
    if stored is None:
        raise not_stored(body.object_name)
    values = {
        "id": new_id(),
        "data_seq": data.seq,
        "infos": body.additional_info,
        # Size in the storage, whatever the body says.
        "file_size": stored.size,
        "compute_status": UploadStatus.DONE.value,
        "created_at": now(),
        **body.model_dump(include={"name", "object_name", "filename", "content_type", "width", "height"}),
    }

    def create(connection: Connection) -> Row[Any]:
        if not objects.claim(connector, body.object_name):
            raise not_stored(body.object_name)
        connection.execute(insert(schema.projection).values(values).on_conflict_do_nothing())
        same = (_PROJECTION.data_seq == data.seq, _PROJECTION.object_name == body.object_name)
        return connection.execute(select(schema.projection).where(*same)).one()

    row = await services(request).database.write(create)
    return json_response(_serialize(request, row, connector), 201)


@router.get(routes.PROJECTION, response_model=DataProjection)
async def get_projection(projection: ProjectionDep, request: Request) -> Response:
    """Get a projection."""
    return json_response(_serialize(request, projection, projection.connector_id))


@router.get(routes.PROJECTION_ADDRESS, response_model=DownloadAddress)
async def get_address(projection: ProjectionDep, request: Request) -> Response:
    """Get a signed address of the projection's file."""
    return json_response({"presigned_url": _serialize(request, projection, projection.connector_id)["presigned_url"]})


@router.delete(routes.PROJECTION, status_code=204)
async def delete_projection(projection: ProjectionDep, request: Request) -> Response:
    """Delete a projection and its file, unless another one or a data has the same file."""

    def remove(connection: Connection) -> list[str]:
        connection.execute(delete(schema.projection).where(_PROJECTION.id == projection.id))
        return unused_objects(connection, projection.connector_id, {projection.object_name})

    dependencies = services(request)
    names = await dependencies.database.write(remove, essential=True)
    removal = object_removal(dependencies.objects, projection.connector_id, names)
    await dependencies.database.write(removal, essential=True)
    return Response(status_code=204)


def _serialize(request: Request, row: Row[Any], connector: UUID) -> dict[str, Any]:
    address = services(request).objects.download_address(connector, row.object_name, base_url(request))
    return {
        "id": row.id,
        "compute_status": row.compute_status,
        "name": row.name,
        "object_name": row.object_name,
        "filename": row.filename,
        "content_type": row.content_type,
        "file_size": row.file_size,
        "width": row.width,
        "height": row.height,
        "presigned_url": address,
        "infos": row.infos,
    }
