"""Rows that name uploaded objects: data, projections, logs of jobs, jobs for payloads, processings for records."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from datalake_ops.platform.objects.names import payload_name
from datalake_ops.platform.objects.object_store import PLATFORM
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.store.raw import execute
from datalake_ops.wire.processings import tag_record_name

_PAGE = 5000
_COUNT = (
    "SELECT (SELECT count(*) FROM data) + (SELECT count(*) FROM projection) + 2 * (SELECT count(*) FROM job)"
    " + (SELECT count(*) FROM lake) * (SELECT count(*) FROM processing)"
)
# Each is read by pages, after the number of the last row.
_DATA = (
    "SELECT d.seq, l.connector_id, d.object_name FROM data d JOIN lake l ON l.key = d.lake_key"
    " WHERE d.seq > ? ORDER BY d.seq LIMIT ?"
)
_PROJECTIONS = (
    "SELECT p.rowid, l.connector_id, p.object_name FROM projection p JOIN data d ON d.seq = p.data_seq"
    " JOIN lake l ON l.key = d.lake_key WHERE p.rowid > ? ORDER BY p.rowid LIMIT ?"
)
# Logs lie on the connector of their organization.
_LOGS = (
    "SELECT j.rowid, o.default_connector_id, j.log_object_name FROM job j JOIN organization o"
    " ON o.id = j.organization_id WHERE j.log_object_name IS NOT NULL AND j.rowid > ? ORDER BY j.rowid LIMIT ?"
)
# Records of the tags that a processing put on a lake's data lie on the lake's connector.
_RECORDS = (
    "SELECT l.connector_id, l.id, p.name FROM lake l JOIN processing p"
    " ON p.organization_id = l.organization_id OR p.organization_id IS NULL"
)
_JOBS = "SELECT rowid, NULL, id FROM job WHERE rowid > ? ORDER BY rowid LIMIT ?"

_Row = tuple[int, bytes | None, str | bytes]
NamedObject = tuple[UUID, str]


def count_named(database: Database) -> int:
    """Upper bound of the number of named objects."""
    return int(database.read_sync(lambda connection: execute(connection, _COUNT).fetchone()[0]))


def named_objects(database: Database) -> Iterator[list[NamedObject]]:
    """Connector and name of every object that a row names, in lists of some thousands.

    Rows that are added meanwhile may be missing; those that were there before are not.
    """
    for statement in (_DATA, _PROJECTIONS, _LOGS, _JOBS):
        last = 0
        while rows := database.read_sync(partial(_page, statement=statement, last=last)):
            last = rows[-1][0]
            yield [_named(row) for row in rows]
    yield [
        (UUID(bytes=connector), tag_record_name(UUID(bytes=lake), processing))
        for connector, lake, processing in database.read_sync(_records)
    ]


def _records(connection: Connection) -> list[tuple[bytes, bytes, str]]:
    return execute(connection, _RECORDS).fetchall()


def _page(connection: Connection, statement: str, last: int) -> list[_Row]:
    return execute(connection, statement, (last, _PAGE)).fetchall()


def _named(row: _Row) -> NamedObject:
    _, connector, name = row
    if isinstance(name, bytes):
        return PLATFORM, payload_name(UUID(bytes=name))  # A job itself.
    return UUID(bytes=connector), name
