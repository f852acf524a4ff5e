"""Bulk update of data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert

from datalake_ops.platform.catalog.metadata_schema import LakeSchema, read_schema
from datalake_ops.platform.catalog.metadata_validation import validate_metadata
from datalake_ops.platform.catalog.tags_and_sources import source_key, tag_keys
from datalake_ops.platform.http.errors import RefusalError, not_found
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.types import metadata_columns
from datalake_ops.wire.data import DataChange


def change_data(connection: Connection, lake: LakeRow, changes: Mapping[UUID, DataChange]) -> int:
    """Apply changes to data of a lake; missing tags and sources are created.

    A field that is null or empty leaves what is there, since the wire sends every field every time.

    Raises:
        RefusalError: 404, an id is no data of the lake; 400, metadata do not hold. Nothing is changed then.
    """
    columns = schema.data.c
    found = select(columns.id, columns.seq).where(columns.lake_key == lake.key, columns.id.in_(list(changes)))
    seqs = {row.id: row.seq for row in connection.execute(found)}
    for data_id in changes:
        if data_id not in seqs:
            raise not_found(f"Data {data_id} of datalake {lake.name!r}")
    lake_schema = read_schema(connection, lake.key)
    for data_id, change in changes.items():
        try:
            values = _values(connection, lake, lake_schema, change)
        except RefusalError as error:
            raise RefusalError(error.status, f"Data {data_id}: {error.message}", error.detail) from error
        if values:
            connection.execute(update(schema.data).where(columns.seq == seqs[data_id]).values(values))
    _add_tags(connection, lake, {seqs[data_id]: change for data_id, change in changes.items()})
    return len(changes)


def _values(connection: Connection, lake: LakeRow, lake_schema: LakeSchema, change: DataChange) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if change.metadata:
        values |= metadata_columns(validate_metadata(change.metadata))
    if change.custom_metadata:
        values["custom_metadata"] = lake_schema.validate(change.custom_metadata)
    if change.data_source:
        values["source_key"] = source_key(connection, lake.organization_id, change.data_source)
    return values


def _add_tags(connection: Connection, lake: LakeRow, changes: Mapping[int, DataChange]) -> None:
    keys = tag_keys(connection, lake, (name for change in changes.values() for name in change.tags))
    pairs = [
        {"tag_key": keys[name], "data_seq": seq}
        for seq, change in changes.items()
        for name in dict.fromkeys(change.tags)
    ]
    if pairs:
        connection.execute(insert(schema.data_tag).on_conflict_do_nothing(), pairs)
