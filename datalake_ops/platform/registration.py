"""Making a data of an object that is in the storage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from datalake_ops.platform.metadata_rules import checked_metadata
from datalake_ops.platform.metadata_schema import read_schema
from datalake_ops.platform.ownership import Lake
from datalake_ops.platform.problems import bad_request
from datalake_ops.platform.services import Measured, Unreadable
from datalake_ops.platform.store.types import new_id, now, to_json, to_microseconds
from datalake_ops.wire.data import DataToCreate, UploadStatus

_FIND = "SELECT seq FROM data WHERE lake_key = ? AND object_name = ?"
_INSERT = (
    "INSERT INTO data (id, lake_key, object_name, filename, type, content_type, upload_status, width, height,"
    " file_size, metadata, custom_metadata, source_key, created_at, error_reason)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_TAG = "INSERT INTO data_tag (tag_key, data_seq) SELECT key, ? FROM tag WHERE id = ? AND lake_key = ?"
_SOURCE = "SELECT key FROM source WHERE id = ? AND organization_id = ?"
_FILENAME_LENGTH = 1024


@dataclass(frozen=True)
class Outcome:
    """What reading the file came to: an upload status and what was learned."""

    status: UploadStatus
    width: int | None = None
    height: int | None = None
    size_bytes: int | None = None
    reason: str | None = None


def outcome(measured: Measured | Unreadable) -> Outcome:
    """DONE with the measured size, or ERROR with the reason; what a client says of the size counts for nothing."""
    if isinstance(measured, Measured):
        return Outcome(UploadStatus.DONE, measured.width, measured.height, measured.size_bytes)
    return Outcome(UploadStatus.ERROR, size_bytes=measured.size_bytes, reason=measured.reason)


def checked_filename(name: str) -> str:
    """A file name that is safe to join to a folder, which is what clients do with it.

    Raises:
        RefusalError: 400, with what is wrong.
    """
    if not name or name in (".", "..") or any(char in name for char in "/\\\0"):
        raise bad_request(f"filename {name!r} is to be a plain file name, without folders.")
    if len(name) > _FILENAME_LENGTH:
        raise bad_request(f"filename has at most {_FILENAME_LENGTH} characters, this one {len(name)}.")
    return name


def find(connection: Connection, lake: Lake, object_name: str) -> int | None:
    """Key of the data of an object name."""
    row = connection.exec_driver_sql(_FIND, (lake.key, object_name)).first()
    return None if row is None else int(row[0])


def registering(lake: Lake, body: DataToCreate, found: Outcome) -> Callable[[Connection], int]:
    """The change that registers a data and returns its key; a second time it returns the first one's.

    Raises:
        RefusalError: 400, the metadata do not hold (at once), or a tag, the source or custom metadata (in the change).
    """
    metadata = checked_metadata(body.metadata)

    def register(connection: Connection) -> int:
        # A client whose answer was lost sends the same again.
        known = find(connection, lake, body.object_name)
        if known is not None:
            return known
        custom = read_schema(connection, lake.key).checked(body.custom_metadata) if body.custom_metadata else None
        row = (
            new_id().bytes,
            lake.key,
            body.object_name,
            body.filename,
            body.type.value,
            body.content_type,
            found.status.value,
            found.width,
            found.height,
            found.size_bytes,
            _text(metadata),
            _text(custom),
            _source_key(connection, lake, body),
            to_microseconds(now()),
            found.reason,
        )
        seq = int(connection.exec_driver_sql(_INSERT, row).lastrowid)
        _attach(connection, lake, body, seq)
        return seq

    return register


def _source_key(connection: Connection, lake: Lake, body: DataToCreate) -> int | None:
    if body.data_source_id is None:
        return None
    row = connection.exec_driver_sql(_SOURCE, (body.data_source_id.bytes, lake.organization_id.bytes)).first()
    if row is None:
        raise bad_request(f"data_source_id {body.data_source_id} is no data source of the organization.")
    return int(row[0])


def _attach(connection: Connection, lake: Lake, body: DataToCreate, seq: int) -> None:
    for tag in dict.fromkeys(body.tags):
        done = connection.exec_driver_sql(_TAG, (seq, tag.bytes, lake.key)).rowcount
        if not done:
            raise bad_request(f"tags: {tag} is no data tag of the datalake.")


def _text(value: dict[str, Any] | None) -> str | None:
    return None if value is None else to_json(value)
