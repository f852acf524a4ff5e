"""Bulk writes of an import: new data by the thousand, and the results of probes.

Statements are plain SQL with many rows each. Building them by expression would cost more than the database does; and
since the tables have triggers, SQLite keeps an undo journal per statement, which for one row costs more than the row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import Connection

from datalake_ops.platform.catalog.metadata_validation import with_normal_moments
from datalake_ops.platform.services import MediaProperties, ProbeFailure
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.types import acquired_microseconds, new_id, now, to_json, to_microseconds
from datalake_ops.wire.data import DataType, UploadStatus

# Rows of one statement; more gain nothing.
_ROWS = 200
_ADD = (
    "INSERT INTO data (id, lake_key, object_name, filename, type, content_type, upload_status, file_size,"
    " metadata, acquired_at, custom_metadata, etag, source_key, created_at) VALUES {rows}"
    " ON CONFLICT (lake_key, object_name) DO NOTHING"
)
_LAST = "SELECT coalesce(max(seq), 0) FROM data"
_ADDED = "SELECT seq, object_name FROM data WHERE seq > ? ORDER BY seq"
_TAG = "INSERT OR IGNORE INTO data_tag (tag_key, data_seq) VALUES {rows}"
_MEASURED = (
    "WITH found (seq, status, width, height, size, metadata, acquired_at, custom_metadata, etag, reason)"
    " AS (VALUES {rows})"
    " UPDATE data SET upload_status = found.status, width = found.width, height = found.height,"
    " file_size = coalesce(found.size, data.file_size), metadata = coalesce(found.metadata, data.metadata),"
    " acquired_at = coalesce(found.acquired_at, data.acquired_at), etag = coalesce(found.etag, data.etag),"
    " custom_metadata = coalesce(found.custom_metadata, data.custom_metadata),"
    " error_reason = found.reason FROM found WHERE data.seq = found.seq AND data.upload_status = 'COMPUTING'"
)


@dataclass(frozen=True)
class ImportItem:
    """Object of the bucket that becomes a data, with its metadata, source and tags."""

    name: str
    size: int
    etag: str
    content_type: str
    metadata: dict[str, Any] | None = None
    custom_metadata: dict[str, Any] | None = None
    source_key: int | None = None
    tag_keys: Sequence[int] = ()


@dataclass(frozen=True)
class PendingData:
    """Data whose file has not been probed yet."""

    seq: int
    object_name: str
    content_type: str
    metadata: dict[str, Any] | None
    custom_metadata: dict[str, Any] | None = None


def add_data(connection: Connection, lake: LakeRow, found: Sequence[ImportItem]) -> list[int]:
    """Register objects as COMPUTING data; returns the keys of those that were not registered before."""
    if not found:
        return []
    created_at = to_microseconds(now())
    before = connection.exec_driver_sql(_LAST).scalar_one()
    _execute(connection, _ADD, [_row(lake, item, created_at) for item in found])
    added = connection.exec_driver_sql(_ADDED, (before,)).all()
    tags = {item.name: item.tag_keys for item in found if item.tag_keys}
    attach_tags(connection, [(key, seq) for seq, name in added for key in tags.get(name, ())])
    return [seq for seq, _ in added]


def write_probed(connection: Connection, results: Iterable[tuple[PendingData, MediaProperties | ProbeFailure]]) -> int:
    """Write the results of probes; returns the number of unreadable files."""
    rows = [_probed_row(item, result) for item, result in results]
    _execute(connection, _MEASURED, rows)
    return sum(1 for row in rows if row[1] == UploadStatus.ERROR.value)


def data_type(content_type: str) -> str:
    """Type of the data of an object of a content type."""
    return (DataType.VIDEO if content_type.startswith("video/") else DataType.IMAGE).value


def attach_tags(connection: Connection, pairs: Sequence[tuple[int, int]]) -> None:
    """Attach tags to data, by pairs of their keys."""
    _execute(connection, _TAG, pairs)


def _execute(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    for start in range(0, len(rows), _ROWS):
        some = rows[start : start + _ROWS]
        marks = "(" + ", ".join("?" * len(some[0])) + ")"
        connection.exec_driver_sql(statement.format(rows=", ".join([marks] * len(some))), tuple(chain(*some)))


def _row(lake: LakeRow, item: ImportItem, created_at: int) -> tuple[Any, ...]:
    return (
        new_id().bytes,
        lake.key,
        item.name,
        item.name.rpartition("/")[2],
        data_type(item.content_type),
        item.content_type,
        UploadStatus.COMPUTING.value,
        item.size,
        to_json(item.metadata) if item.metadata else None,
        acquired_microseconds(item.metadata),
        to_json(item.custom_metadata) if item.custom_metadata else None,
        item.etag,
        item.source_key,
        created_at,
    )


def _probed_row(item: PendingData, result: MediaProperties | ProbeFailure) -> tuple[Any, ...]:
    if isinstance(result, ProbeFailure):
        error = UploadStatus.ERROR.value
        return (item.seq, error, None, None, result.size_bytes, None, None, None, result.etag, result.reason)
    # Metadata given by a person take precedence over EXIF.
    metadata = {**with_normal_moments(result.metadata), **(item.metadata or {})}
    text = to_json(metadata) if metadata else None
    custom = to_json({**result.custom_metadata, **(item.custom_metadata or {})}) if result.custom_metadata else None
    return (
        *(item.seq, UploadStatus.DONE.value, result.width, result.height, result.size_bytes),
        *(text, acquired_microseconds(metadata), custom, result.etag, None),
    )
