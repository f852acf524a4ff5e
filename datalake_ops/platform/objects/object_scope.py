"""Objects that a job's token may name: those of the job's lakes, and uploads that are no data yet.

Lakes share the storage of their connector, so that the right to one does not follow from the right to the other.
"""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from anyio import to_thread
from fastapi import Request
from sqlalchemy import Connection, select, union_all

from datalake_ops.platform.http.auth import identify
from datalake_ops.platform.http.errors import RefusalError
from datalake_ops.platform.objects.object_store import store_of
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.tokens import Principal
from datalake_ops.platform.store.types import parse_id


async def check_object(request: Request, connector: UUID, name: str) -> None:
    """Check that the caller may name an object of a connector; a user may name every one.

    Raises:
        RefusalError: 403, it is a job's token, and the object belongs to other lakes, another job, or no lake at all.
    """
    principal = await identify(request)
    if principal.job_id is None:
        return
    lakes = await services(request).database.read(lambda connection: _lakes_with(connection, connector, name))
    if lakes:
        is_own = not lakes.isdisjoint(principal.lakes)
    else:
        owners = _ids_in(name)
        others = await services(request).database.read(lambda connection: _foreign(connection, principal, owners))
        # A file of the bucket belongs to the lakes that imported it.
        is_own = not others and not await to_thread.run_sync(store_of(request).is_in_bucket, connector, name)
    if not is_own:
        raise RefusalError(HTTPStatus.FORBIDDEN, f"The object {name!r} is none of the job's datalakes.")


def _lakes_with(connection: Connection, connector: UUID, name: str) -> set[UUID]:
    """Lakes of a connector that have an object as data or projection."""
    lake, data, projection = schema.lake, schema.data, schema.projection
    lakes = select(lake.c.key).where(lake.c.connector_id == connector)
    as_data = select(data.c.lake_key).where(data.c.lake_key.in_(lakes), data.c.object_name == name)
    as_projection = (
        select(data.c.lake_key)
        .join(projection, projection.c.data_seq == data.c.seq)
        .where(projection.c.object_name == name, data.c.lake_key.in_(lakes))
    )
    statement = select(lake.c.id).where(lake.c.key.in_(union_all(as_data, as_projection)))
    return set(connection.scalars(statement))


def _foreign(connection: Connection, principal: Principal, ids: list[UUID]) -> bool:
    """Return True if an id is that of a lake or a job beyond the principal's scope."""
    if not ids:
        return False
    found = union_all(
        select(schema.lake.c.id).where(schema.lake.c.id.in_(ids)),
        select(schema.job.c.id).where(schema.job.c.id.in_(ids)),
    )
    return not set(connection.scalars(found)) <= {*principal.lakes, principal.job_id}


def _ids_in(name: str) -> list[UUID]:
    """Ids in the folders of an object name, where programs and clients write the owner of what is no data."""
    parts = (parse_id(part) for part in name.split("/")[:-1])
    return [part for part in parts if part is not None]
