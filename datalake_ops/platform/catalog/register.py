"""Registration of stored objects as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from datalake_ops.platform.catalog.metadata_validation import validate_metadata
from datalake_ops.platform.catalog.serialization import DataRow, DataSerializer
from datalake_ops.platform.http.errors import RefusalError, bad_request
from datalake_ops.platform.services import MediaProperties, ObjectStore, ProbeFailure
from datalake_ops.platform.store.raw import execute, execute_many
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.types import acquired_microseconds, new_id, now, to_json, to_microseconds
from datalake_ops.wire.data import DataToCreate, UploadStatus

_FIND = "SELECT seq FROM data WHERE lake_key = ? AND object_name = ?"
_INSERT = (
    "INSERT INTO data (lake_key, id, object_name, filename, type, content_type, upload_status, width, height,"
    " file_size, metadata, custom_metadata, source_key, created_at, error_reason, acquired_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_TAG = "SELECT key, name, target_type FROM tag WHERE id = ? AND lake_key = ?"
_ATTACH = "INSERT INTO data_tag (tag_key, data_seq) VALUES (?, ?)"
_SOURCE = "SELECT key, name FROM source WHERE id = ? AND organization_id = ?"
_FILENAME_LENGTH = 1024


@dataclass(frozen=True)
class ProbeOutcome:
    """Upload status and properties of a data after its file was probed."""

    status: UploadStatus
    width: int | None = None
    height: int | None = None
    size_bytes: int | None = None
    reason: str | None = None


def probe_outcome(probe: MediaProperties | ProbeFailure) -> ProbeOutcome:
    """Outcome of a probe: DONE with the measured size, or ERROR with the reason. The client's own word on the size is
    ignored.
    """
    if isinstance(probe, MediaProperties):
        return ProbeOutcome(UploadStatus.DONE, probe.width, probe.height, probe.size_bytes)
    return ProbeOutcome(UploadStatus.ERROR, size_bytes=probe.size_bytes, reason=probe.reason)


def validate_filename(name: str) -> str:
    """Validate a file name: clients join it to a folder, so it must be safe there on every system.

    A backslash separates folders on Windows, so a `..` before one is refused on every system.

    Raises:
        RefusalError: 400, with the rule that is broken.
    """
    if "/" in name or "\0" in name or any(part in ("", ".", "..") for part in name.split("\\")):
        raise bad_request(f"filename {name!r} must be a plain file name, without folders.")
    if len(name) > _FILENAME_LENGTH:
        raise bad_request(f"filename has at most {_FILENAME_LENGTH} characters, this one {len(name)}.")
    return name


def not_stored(object_name: str) -> RefusalError:
    """Refusal of an object that does not exist."""
    return bad_request(f"object_name {object_name!r} is not in the storage; upload the file first.")


def registration(
    lake: LakeRow, body: DataToCreate, outcome: ProbeOutcome, serializer: DataSerializer, objects: ObjectStore
) -> Callable[[Connection], dict[str, Any]]:
    """Build the write that registers a data and returns it serialized; a repeated request returns the first one's data.

    The custom metadata must have been validated before.

    Raises:
        RefusalError: 400, the metadata are invalid (at once), or a tag or the source is not known, or the object was
            deleted meanwhile (in the write).
    """
    metadata, custom = validate_metadata(body.metadata), body.custom_metadata
    texts = tuple(None if value is None else to_json(value) for value in (metadata, custom))
    acquired_at = acquired_microseconds(metadata)

    def register(connection: Connection) -> dict[str, Any]:
        # A client whose answer was lost repeats the request.
        known = execute(connection, _FIND, (lake.key, body.object_name)).fetchone()
        if known is not None:
            return serializer.serialize_many(connection, [known[0]])[0]
        if not objects.claim(lake.connector_id, body.object_name):
            raise not_stored(body.object_name)
        source_key, source = _source(connection, lake, body.data_source_id)
        tags = dict(_tag(connection, lake, tag) for tag in body.tags)
        values = (*_values(body, outcome), *texts, source_key, to_microseconds(now()), outcome.reason)
        seq = execute(connection, _INSERT, (lake.key, *values, acquired_at)).lastrowid or 0
        if tags:
            execute_many(connection, _ATTACH, [(key, seq) for key in tags])
        return serializer.serialize(DataRow(seq, *values), list(tags.values()), source)

    return register


def _values(body: DataToCreate, outcome: ProbeOutcome) -> tuple[Any, ...]:
    """Columns of a new data from its id to its size."""
    names = (body.object_name, body.filename, body.type.value, body.content_type)
    return (new_id().bytes, *names, outcome.status.value, outcome.width, outcome.height, outcome.size_bytes)


def _source(connection: Connection, lake: LakeRow, source: UUID | None) -> tuple[int | None, dict[str, Any] | None]:
    if source is None:
        return None, None
    row = execute(connection, _SOURCE, (source.bytes, lake.organization_id.bytes)).fetchone()
    if row is None:
        raise bad_request(f"data_source_id {source} is not a data source of the organization.")
    return row[0], {"id": source, "name": row[1]}


def _tag(connection: Connection, lake: LakeRow, tag: UUID) -> tuple[int, dict[str, Any]]:
    row = execute(connection, _TAG, (tag.bytes, lake.key)).fetchone()
    if row is None:
        raise bad_request(f"tags: {tag} is not a data tag of the datalake.")
    return row[0], {"id": tag, "name": row[1], "target_type": row[2]}
