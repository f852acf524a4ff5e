"""Bulk attaching and detaching of tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy import Connection

from datalake_ops.platform.http.id_list import IdList
from datalake_ops.platform.store.raw import execute_many

# Ids per write: a longer write would delay registrations.
CHUNK = 2000

# One prepared statement run for every id: no limit on their number, and no text to build. The no-op update of an
# existing row makes it count, so that a repeated request gets the same answer.
_ATTACH = (
    "INSERT INTO data_tag (tag_key, data_seq) SELECT ?, seq FROM data WHERE id = ? AND lake_key = ?"
    " ON CONFLICT (tag_key, data_seq) DO UPDATE SET tag_key = excluded.tag_key"
)
_DETACH = "DELETE FROM data_tag WHERE tag_key = ? AND data_seq = (SELECT seq FROM data WHERE id = ? AND lake_key = ?)"


def chunks(ids: IdList) -> Iterator[list[UUID]]:
    """Split ids into chunks of one write each."""
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


def attach(connection: Connection, tag_key: int, lake_key: int | None, ids: Sequence[UUID]) -> int:
    """Attach a tag to data of its lake; returns the number of data that now carry it."""
    return _run(connection, _ATTACH, tag_key, lake_key, ids)


def detach(connection: Connection, tag_key: int, lake_key: int | None, ids: Sequence[UUID]) -> int:
    """Detach a tag from data of its lake; returns the number of data that carried it."""
    return _run(connection, _DETACH, tag_key, lake_key, ids)


def _run(connection: Connection, statement: str, tag_key: int, lake_key: int | None, ids: Sequence[UUID]) -> int:
    if lake_key is None or not ids:  # A tag of another target is on no data.
        return 0
    return execute_many(connection, statement, [(tag_key, data_id.bytes, lake_key) for data_id in ids]).rowcount
