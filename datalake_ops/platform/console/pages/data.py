"""Page of one data: its picture, what is known of it, and the jobs that made or touched it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from anyio import to_thread
from fastapi import APIRouter, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from datalake_ops.platform.catalog.serialization import data_serializer
from datalake_ops.platform.console.origin import import_of, jobs_on, origin_of, recent_processings
from datalake_ops.platform.console.rendering import page
from datalake_ops.platform.console.routing import PageRoute, require_lake, require_session
from datalake_ops.platform.http.errors import not_found
from datalake_ops.platform.services import base_url, services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.wire.data import DataType

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_DATA = schema.data.c


@router.get("/{organization:uuid}/datalake/{datalake:uuid}/data/{data:uuid}")
async def show(request: Request, organization: UUID, datalake: UUID, data: UUID) -> Response:
    """Show a data of the lake."""
    session = await require_session(request)
    lake = await require_lake(request, session, datalake)
    serializer, needed = data_serializer(request, lake), services(request)

    def read(connection: Connection) -> dict[str, Any] | None:
        row = connection.execute(select(schema.data).where(_DATA.id == data, _DATA.lake_key == lake.key)).first()
        if row is None:
            return None
        projections = select(schema.projection).where(schema.projection.c.data_seq == row.seq)
        return {
            "row": row,
            "item": serializer.serialize_many(connection, [row.seq])[0],
            "projections": connection.execute(projections.order_by(schema.projection.c.created_at)).all(),
            "made_by": import_of(connection, lake.key, row.seq),
            "recent": recent_processings(connection, lake.key),
            "newer": _neighbour(connection, lake, row.seq, newer=True),
            "older": _neighbour(connection, lake, row.seq, newer=False),
        }

    found = await needed.database.read(read)
    if found is None:
        raise not_found(f"Data {data}")
    touched_by = await to_thread.run_sync(jobs_on, needed.objects, found.pop("recent"), data)
    return page(
        request,
        "data.html",
        session,
        lake=lake,
        address=f"/{organization}/datalake/{datalake}",
        is_image=found["row"].type == DataType.IMAGE.value,
        touched_by=touched_by,
        origin_of=origin_of,
        address_of=lambda name: needed.objects.download_address(lake.connector_id, name, base_url(request)),
        custom=_flat(found["row"].custom_metadata),
        metadata=_flat(found["row"].metadata),
        **found,
    )


def _neighbour(connection: Connection, lake: LakeRow, seq: int, newer: bool) -> UUID | None:
    place, order = (_DATA.seq > seq, _DATA.seq.asc()) if newer else (_DATA.seq < seq, _DATA.seq.desc())
    return connection.scalar(select(_DATA.id).where(_DATA.lake_key == lake.key, place).order_by(order).limit(1))


def _flat(values: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Names and values as text; lists and objects as JSON."""
    return [
        (name, value if isinstance(value, str) else orjson.dumps(value).decode())
        for name, value in (values or {}).items()
        if value is not None
    ]
