"""Data as the wire shows them, read for many at a time: one query for rows, one for their tags, one for sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from fastapi import Request
from sqlalchemy import Connection

from datalake_ops.platform.ownership import Lake
from datalake_ops.platform.services import base_url, services
from datalake_ops.platform.store.types import from_microseconds

# A list of numbers travels as one JSON text, so that the statement is the same for every length.
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
class Shaper:
    """Shows data of one lake; `address_of` gives the signed address of an object name."""

    address_of: AddressOf

    def shapes(self, connection: Connection, seqs: Sequence[int]) -> list[dict[str, Any]]:
        """Data of these keys, in this order; those that are gone meanwhile are left out."""
        rows = {row[0]: row for row in _among(connection, _ROWS, seqs)}
        tags = _tags(connection, seqs)
        sources = _sources(connection, {row[12] for row in rows.values() if row[12] is not None})
        found = (rows[seq] for seq in seqs if seq in rows)
        return [self._shape(row, tags.get(row[0], ()), sources.get(row[12])) for row in found]

    def _shape(self, row: Any, tags: Sequence[dict[str, Any]], source: dict[str, Any] | None) -> dict[str, Any]:
        _, data_id, object_name, filename, kind, content_type, status, width, height, *rest = row
        file_size, metadata, custom_metadata, _, created_at, error_reason = rest
        shape = {
            "id": UUID(bytes=data_id),
            "object_name": object_name,
            "filename": filename,
            "type": kind,
            "content_type": content_type,
            "upload_status": status,
            "meta": None if width is None else {"width": width, "height": height},
            "presigned_url": self.address_of(object_name),
            "metadata": _as_it_is(metadata),
            "custom_metadata": _as_it_is(custom_metadata),
            "tags": tags,
            "data_source": source,
            "file_size": file_size,
            "created_at": from_microseconds(created_at),
        }
        if error_reason is not None:
            shape["error_reason"] = error_reason
        return shape


def shaper(request: Request, lake: Lake) -> Shaper:
    """The shaper of a lake's data, with addresses that the caller of a request can reach."""
    address = services(request).objects.download_address
    return Shaper(partial(_address, address, lake.connector_id, base_url(request)))


def _address(address: Callable[[UUID, str, str], str], connector: UUID, base: str, object_name: str) -> str:
    return address(connector, object_name, base)


def _as_it_is(text: str | None) -> Any:
    """JSON text of a column, to be copied into an answer without being read."""
    return None if text is None else orjson.Fragment(text)


def _among(connection: Connection, statement: str, keys: Iterable[int]) -> Sequence[Any]:
    return connection.exec_driver_sql(statement, (orjson.dumps(list(keys)).decode(),)).fetchall()


def _tags(connection: Connection, seqs: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    tagged = _among(connection, _TAGGED, seqs)
    keys = {key for _, key in tagged}
    known = {
        key: {"id": UUID(bytes=tag_id), "name": name, "target_type": target}
        for key, tag_id, name, target in (_among(connection, _TAGS, keys) if keys else ())
    }
    tags: dict[int, list[dict[str, Any]]] = {}
    for seq, key in tagged:
        tags.setdefault(seq, []).append(known[key])
    return tags


def _sources(connection: Connection, keys: set[int]) -> dict[int | None, dict[str, Any]]:
    rows = _among(connection, _SOURCES, keys) if keys else ()
    return {key: {"id": UUID(bytes=source_id), "name": name} for key, source_id, name in rows}
