"""Deletion of data: rows first, then their objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from datalake_ops.platform.catalog.attachments import chunks
from datalake_ops.platform.http.id_list import IdList
from datalake_ops.platform.services import ObjectStore, Services
from datalake_ops.platform.store.raw import execute
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.types import to_json

# Objects removed in one write; more would delay registrations.
_REMOVALS = 100
_FIND = "SELECT seq FROM data WHERE id = ? AND lake_key = ?"
_NAMES = (
    "SELECT object_name FROM data WHERE seq IN (SELECT value FROM json_each(?1))"
    " UNION SELECT object_name FROM projection WHERE data_seq IN (SELECT value FROM json_each(?1))"
)
_PROJECTIONS = "SELECT DISTINCT object_name FROM projection WHERE data_seq IN (SELECT value FROM json_each(?))"
_DELETE_PROJECTIONS = "DELETE FROM projection WHERE data_seq IN (SELECT value FROM json_each(?))"
_DELETE = "DELETE FROM data WHERE seq IN (SELECT value FROM json_each(?))"
# Another lake on the same connector may have registered the same object.
_STILL_USED = (
    "SELECT value FROM json_each(?1) WHERE EXISTS (SELECT 1 FROM data d JOIN lake l ON l.key = d.lake_key"
    " WHERE l.connector_id = ?2 AND d.object_name = value)"
    " OR EXISTS (SELECT 1 FROM projection p JOIN data d ON d.seq = p.data_seq JOIN lake l ON l.key = d.lake_key"
    " WHERE l.connector_id = ?2 AND p.object_name = value)"
)


async def delete_data(services: Services, lake: LakeRow, ids: IdList) -> int:
    """Delete data of a lake with their tags, projections and uploaded objects; returns the number deleted.

    Files of a user's bucket stay where they are.
    """
    count = 0
    for part in chunks(ids):
        deleted, names = await services.database.write(partial(_delete, lake=lake, ids=part), essential=True)
        count += deleted
        # Rows first: an object without data is collected later, a data without object is broken.
        for start in range(0, len(names), _REMOVALS):
            removal = object_removal(services.objects, lake.connector_id, names[start : start + _REMOVALS])
            await services.database.write(removal, essential=True)
    return count


def _delete(connection: Connection, lake: LakeRow, ids: Sequence[UUID]) -> tuple[int, list[str]]:
    found = [execute(connection, _FIND, (data_id.bytes, lake.key)).fetchone() for data_id in ids]
    seqs = to_json([row[0] for row in found if row is not None])
    names = {row[0] for row in execute(connection, _NAMES, (seqs,))}
    deleted = execute(connection, _DELETE, (seqs,)).rowcount
    return deleted, unused_objects(connection, lake.connector_id, names)


def delete_projections(connection: Connection, lake: LakeRow, seqs: Sequence[int]) -> list[str]:
    """Delete all projections of data; returns the names of objects that are to be deleted once this is committed."""
    keys = to_json(list(seqs))
    names = {row[0] for row in execute(connection, _PROJECTIONS, (keys,))}
    execute(connection, _DELETE_PROJECTIONS, (keys,))
    return unused_objects(connection, lake.connector_id, names)


def unused_objects(connection: Connection, connector: UUID, names: set[str]) -> list[str]:
    """Names of objects that are neither data nor projection of any lake on the connector."""
    used = {row[0] for row in execute(connection, _STILL_USED, (to_json(sorted(names)), connector.bytes))}
    return sorted(names - used)


def object_removal(objects: ObjectStore, connector: UUID, names: Sequence[str]) -> Callable[[Connection], None]:
    """Build the write that deletes objects, after the one that deleted their rows.

    An object that got a row again between the two stays.
    """

    def remove(connection: Connection) -> None:
        for name in unused_objects(connection, connector, set(names)):
            objects.delete(connector, name)

    return remove
