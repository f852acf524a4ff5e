"""Migrations of the databases of earlier versions, within the transaction that opens them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import orjson
from sqlalchemy import Connection

from datalake_ops.platform.store.raw import execute, execute_many
from datalake_ops.platform.store.types import acquired_microseconds, to_json
from datalake_ops.wire import moments

_ROWS = 10_000
_DATA_COLUMNS = {"acquired_at": "BIGINT", "etag": "VARCHAR"}
_TOKEN_COLUMNS = {
    "name": "VARCHAR",
    "is_admin": "BOOLEAN DEFAULT 0 NOT NULL",
    "expires_at": "BIGINT",
    "last_used_at": "BIGINT",
}
# Until then the server made lasting tokens in the first organization only, and every token was an admin's.
_FIRST_ARE_ADMIN = (
    "UPDATE token SET is_admin = 1 WHERE job_id IS NULL"
    " AND organization_id = (SELECT id FROM organization ORDER BY created_at LIMIT 1)"
)
_ACQUIRED = (
    "SELECT seq, metadata FROM data WHERE seq > ? AND json_extract(metadata, '$.acquired_at') IS NOT NULL"
    " ORDER BY seq LIMIT ?"
)
_UPDATE = "UPDATE data SET metadata = ?, acquired_at = ? WHERE seq = ?"


def migrate(connection: Connection, version: int) -> None:
    """Bring the tables of a database of this version to the present form; missing tables were created before.

    Version 2 only added a table. Version 3 normalizes the moments of metadata, keeps their instants in a column, and
    the ETags of imported objects in another. Version 4 gives tokens a name, an expiry, a last use and an admin's right.
    """
    if version < 3:
        _add_columns(connection, "data", _DATA_COLUMNS)
        _normalize_moments(connection)
    if version < 4:
        _add_columns(connection, "token", _TOKEN_COLUMNS)
        execute(connection, _FIRST_ARE_ADMIN)


def _add_columns(connection: Connection, table: str, columns: Mapping[str, str]) -> None:
    present = {row[1] for row in execute(connection, f"PRAGMA table_info({table})")}
    for name, kind in columns.items():
        if name not in present:
            execute(connection, f"ALTER TABLE {table} ADD COLUMN {name} {kind}")


def _normalize_moments(connection: Connection) -> None:
    last = 0
    while rows := execute(connection, _ACQUIRED, (last, _ROWS)).fetchall():
        last = rows[-1][0]
        execute_many(connection, _UPDATE, [(*_normal(text), seq) for seq, text in rows])


def _normal(text: str) -> tuple[str, int | None]:
    metadata = orjson.loads(text)
    metadata["acquired_at"] = _normal_moment(metadata["acquired_at"])
    return to_json(metadata), acquired_microseconds(metadata)


def _normal_moment(text: str) -> str:
    normal = moments.normalize(text)
    if normal is not None:
        return normal
    try:
        # Earlier versions took what their Python read: any separator, and offsets with parts of a second.
        moment = datetime.fromisoformat(text)
        kept = moments.render(moment)
        return kept if moments.parse(kept) else moments.render(moments.utc(moment))
    except (ValueError, OverflowError):
        return text
