"""Objects that were overwritten in the bucket since their import: found by size and ETag, then skipped, updated or new.

An update reads the file of the same data again. What told of the former content goes: metadata that EXIF fills in,
projections, and the content hash of uploads. Tags, source and all other metadata stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection

from datalake_ops.platform.catalog.delete import delete_projections
from datalake_ops.platform.jobs.imports.writes import ImportItem, attach_tags, data_type
from datalake_ops.platform.store.raw import execute, execute_many
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.types import acquired_microseconds, to_json
from datalake_ops.wire.camera_metadata import CUSTOM_KEYS, FULL_KEYS
from datalake_ops.wire.data import CONTENT_KEY, UploadStatus

_KNOWN = (
    "SELECT object_name, seq, file_size, etag FROM data"
    " WHERE lake_key = ? AND object_name IN (SELECT value FROM json_each(?))"
)
_NOTE = "UPDATE data SET etag = ? WHERE seq = ?"
_RETIRE = (
    "UPDATE data SET object_name = object_name || '#' || lower(hex(id)), upload_status = ?, error_reason = ?"
    " WHERE seq = ?"
)
_METADATA = "SELECT seq, metadata, custom_metadata FROM data WHERE seq IN (SELECT value FROM json_each(?))"
_RENEW = (
    "UPDATE data SET upload_status = ?, type = ?, content_type = ?, width = NULL, height = NULL, file_size = ?,"
    " etag = ?, error_reason = NULL, metadata = ?, acquired_at = ?, custom_metadata = ?,"
    " source_key = coalesce(?, source_key) WHERE seq = ?"
)
# Custom metadata that tell of the former content: its hash, and the camera.
_OF_THE_CONTENT = {CONTENT_KEY, *CUSTOM_KEYS}
_AWAIT = "INSERT OR IGNORE INTO import_update (job_id, data_seq) VALUES (?, ?)"
_REASON = "its object was overwritten in the bucket, and imported again as another data"


@dataclass(frozen=True)
class ChangedObject:
    """Data of the lake, and the object that is there now by its name."""

    seq: int
    item: ImportItem


def changed_objects(connection: Connection, lake: LakeRow, found: Sequence[ImportItem]) -> list[ChangedObject]:
    """Return the objects that are in the lake with another size or ETag.

    Data of earlier versions have no ETag; where the size agrees, they get that of the object.
    """
    names = to_json([item.name for item in found])
    known = {row[0]: row[1:] for row in execute(connection, _KNOWN, (lake.key, names))}
    changed: list[ChangedObject] = []
    unnoted: list[tuple[str, int]] = []
    for item in found:
        seq, size, etag = known.get(item.name, (None, None, None))
        if seq is None or etag == item.etag:
            continue
        if etag is None and size == item.size:
            unnoted.append((item.etag, seq))
        else:
            changed.append(ChangedObject(seq, item))
    execute_many(connection, _NOTE, unnoted)
    return changed


def retire(connection: Connection, changed: Iterable[ChangedObject]) -> None:
    """Free the object names of data whose content is gone: they stay, with their tags and projections, as ERROR."""
    rows = [(UploadStatus.ERROR.value, _REASON, one.seq) for one in changed]
    execute_many(connection, _RETIRE, rows)


def renew(connection: Connection, lake: LakeRow, job: UUID, changed: Sequence[ChangedObject]) -> list[str]:
    """Let an import read the files of data again; returns the objects to be deleted once this is committed."""
    seqs = [one.seq for one in changed]
    stored = {row[0]: row[1:] for row in execute(connection, _METADATA, (to_json(seqs),))}
    execute_many(connection, _RENEW, [_renewed(one, *stored[one.seq]) for one in changed])
    execute_many(connection, _AWAIT, [(job.bytes, seq) for seq in seqs])
    attach_tags(connection, [(key, one.seq) for one in changed for key in one.item.tag_keys])
    return delete_projections(connection, lake, seqs)


def _renewed(one: ChangedObject, metadata: str | None, custom: str | None) -> tuple[Any, ...]:
    item = one.item
    kept = {key: value for key, value in _loaded(metadata).items() if key not in FULL_KEYS} | (item.metadata or {})
    kept_custom = {key: value for key, value in _loaded(custom).items() if key not in _OF_THE_CONTENT}
    return (
        UploadStatus.COMPUTING.value,
        data_type(item.content_type),
        item.content_type,
        item.size,
        item.etag,
        to_json(kept) if kept else None,
        acquired_microseconds(kept),
        to_json(kept_custom | (item.custom_metadata or {})) if kept_custom or item.custom_metadata else None,
        item.source_key,
        one.seq,
    )


def _loaded(text: str | None) -> dict[str, Any]:
    return dict(orjson.loads(text)) if text else {}
