"""Serialization of data for the wire, in bulk: one query for rows, one for their tags, one for sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from fastapi import Request
from sqlalchemy import Connection

from datalake_ops.platform.services import base_url, services
from datalake_ops.platform.store.raw import rows_by_keys
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.types import from_microseconds

_ROWS = (
    "SELECT seq, id, object_name, filename, type, content_type, upload_status, width, height, file_size, metadata,"
    " custom_metadata, source_key, created_at, error_reason FROM data WHERE seq IN (SELECT value FROM json_each(?))"
)
_TAGGED = (
    "SELECT data_seq, tag_key FROM data_tag WHERE data_seq IN (SELECT value FROM json_each(?))"
    " ORDER BY data_seq, tag_key"
)
_TAGS = "SELECT key, id, name, target_type FROM tag WHERE key IN (SELECT value FROM json_each(?))"
_SOURCES = "SELECT key, id, name FROM source WHERE key IN (SELECT value FROM json_each(?))"

AddressOf = Callable[[str], str]


@dataclass(frozen=True)
class DataRow:
    """Row of the table `data`, as SQLite returns it."""

    seq: int
    id: bytes
    object_name: str
    filename: str
    type: str
    content_type: str
    upload_status: str
    width: int | None
    height: int | None
    file_size: int | None
    metadata: str | None
    custom_metadata: str | None
    source_key: int | None
    created_at: int
    error_reason: str | None


@dataclass(frozen=True)
class DataSerializer:
    """Serializer of one lake's data; `address_of` signs the address of an object name."""

    address_of: AddressOf

    def serialize_many(self, connection: Connection, seqs: Sequence[int]) -> list[dict[str, Any]]:
        """Serialize the data of these keys, in this order; keys deleted meanwhile are left out."""
        rows = {row[0]: DataRow(*row) for row in rows_by_keys(connection, _ROWS, seqs)}
        tags = _tags(connection, seqs)
        sources = _sources(connection, {row.source_key for row in rows.values() if row.source_key is not None})
        found = (rows[seq] for seq in seqs if seq in rows)
        return [self.serialize(row, tags.get(row.seq, ()), sources.get(row.source_key)) for row in found]

    def serialize(self, row: DataRow, tags: Sequence[dict[str, Any]], source: dict[str, Any] | None) -> dict[str, Any]:
        """Serialize one data whose tags and source are known."""
        shape = {
            "id": UUID(bytes=row.id),
            "object_name": row.object_name,
            "filename": row.filename,
            "type": row.type,
            "content_type": row.content_type,
            "upload_status": row.upload_status,
            "meta": None if row.width is None else {"width": row.width, "height": row.height},
            "presigned_url": self.address_of(row.object_name),
            "metadata": _raw_json(row.metadata),
            "custom_metadata": _raw_json(row.custom_metadata),
            "tags": tags,
            "data_source": source,
            "file_size": row.file_size,
            "created_at": from_microseconds(row.created_at),
        }
        if row.error_reason is not None:
            shape["error_reason"] = row.error_reason
        return shape


def data_serializer(request: Request, lake: LakeRow) -> DataSerializer:
    """Create the serializer of a lake's data, with addresses that the caller of the request can reach."""
    address = services(request).objects.download_address
    return DataSerializer(partial(_address, address, lake.connector_id, base_url(request)))


def _address(address: Callable[[UUID, str, str], str], connector: UUID, base: str, object_name: str) -> str:
    return address(connector, object_name, base)


def _raw_json(text: str | None) -> Any:
    """JSON text of a column, copied into an answer without parsing."""
    return None if text is None else orjson.Fragment(text)


def _tags(connection: Connection, seqs: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    tagged = rows_by_keys(connection, _TAGGED, seqs)
    keys = {key for _, key in tagged}
    known = {
        key: {"id": UUID(bytes=tag_id), "name": name, "target_type": target}
        for key, tag_id, name, target in (rows_by_keys(connection, _TAGS, keys) if keys else ())
    }
    tags: dict[int, list[dict[str, Any]]] = {}
    for seq, key in tagged:
        tags.setdefault(seq, []).append(known[key])
    return tags


def _sources(connection: Connection, keys: set[int]) -> dict[int | None, dict[str, Any]]:
    rows = rows_by_keys(connection, _SOURCES, keys) if keys else ()
    return {key: {"id": UUID(bytes=source_id), "name": name} for key, source_id, name in rows}
