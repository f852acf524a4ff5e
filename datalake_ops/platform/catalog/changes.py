"""Pages of the change log, with the state of the data at the page's end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection

from datalake_ops.platform.store.raw import execute, rows_by_keys
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.types import to_json
from datalake_ops.wire.changes import ChangeKind
from datalake_ops.wire.data import UploadStatus

_NEWEST = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'change'), 0)"
_OLDEST = "SELECT min(seq) FROM change"
_PAGE = (
    "SELECT seq, kind, data_seq, tag_key, job_id FROM change WHERE lake_key = ? AND seq > ? AND seq <= ?"
    " ORDER BY seq LIMIT ?"
)
# The next change of another data.
_OTHER = "SELECT min(seq) FROM change WHERE seq > ? AND seq <= ? AND data_seq IS NOT ?"
_DATA = (
    "SELECT data.seq, data.id, upload_status, source.name FROM data LEFT JOIN source ON source.key = source_key"
    " WHERE seq IN (SELECT value FROM json_each(?))"
)
_TAGS = (
    "SELECT data_seq, tag_key, name FROM data_tag JOIN tag ON tag.key = tag_key"
    " WHERE data_seq IN (SELECT value FROM json_each(?)) ORDER BY data_seq, tag_key"
)
_LATER = "SELECT data_seq, kind, tag_key FROM change WHERE data_seq IN (SELECT value FROM json_each(?)) AND seq > ?"
_JOBS = (
    "SELECT job.id, job.status, job.kind, labels, counts, processing.name FROM job"
    " LEFT JOIN processing ON processing.id = processing_id WHERE job.id = ?"
)


@dataclass(frozen=True)
class ChangeRange:
    """Range of changes: after one sequence number, up to another (by default the newest), at most `limit`."""

    after: int | None = None
    until: int | None = None
    limit: int = 1000


@dataclass
class _DataChanges:
    """Changes of one data within a page."""

    became_ready: bool = False
    tag_keys: set[int] = field(default_factory=set)


def read_changes(connection: Connection, lake: LakeRow, change_range: ChangeRange) -> dict[str, Any]:
    """Read a page of a lake's changes; without `after` an empty page with the cursor of the log's end."""
    newest = execute(connection, _NEWEST).fetchone()[0]
    end = newest if change_range.until is None else min(newest, change_range.until)
    # A cursor from beyond the log is one of another database.
    if change_range.after is None or change_range.after > newest:
        return _page([], [], newest, lost=change_range.after is not None)
    oldest = execute(connection, _OLDEST).fetchone()[0]
    lost = newest > change_range.after and (oldest is None or oldest > change_range.after + 1)
    rows = execute(connection, _PAGE, (lake.key, change_range.after, end, change_range.limit)).fetchall()
    reached = end if len(rows) < change_range.limit else _complete_last_data(connection, lake, rows, end)
    data = _changed_data(connection, [row for row in rows if row[2] is not None], reached)
    jobs = [_job(connection, row[4]) for row in rows if row[4] is not None]
    return _page(data, [job for job in jobs if job is not None], reached, more=reached < end, lost=lost)


def _page(data: list[Any], jobs: list[Any], cursor: int, more: bool = False, lost: bool = False) -> dict[str, Any]:
    return {"data": data, "jobs": jobs, "cursor": str(cursor), "more": more, "lost": lost}


def _complete_last_data(connection: Connection, lake: LakeRow, rows: list[Any], end: int) -> int:
    """Extend a full page by the changes of its last data at that moment, so that no registration is split."""
    last, data_seq = rows[-1][0], rows[-1][2]
    if data_seq is None:
        return int(last)
    other = execute(connection, _OTHER, (last, end, data_seq)).fetchone()[0]
    reached = end if other is None else other - 1
    rows += execute(connection, _PAGE, (lake.key, last, reached, -1)).fetchall()
    return int(reached)


def _changed_data(connection: Connection, rows: Iterable[Any], reached: int) -> list[dict[str, Any]]:
    by_data: dict[int, _DataChanges] = {}
    for _, kind, data_seq, tag_key, _ in rows:
        one = by_data.setdefault(data_seq, _DataChanges())
        one.became_ready |= kind == ChangeKind.READY.value
        if tag_key is not None:
            one.tag_keys.add(tag_key)
    if not by_data:
        return []
    found = rows_by_keys(connection, _DATA, by_data)
    tags: dict[int, dict[int, str]] = {}
    for data_seq, tag_key, name in rows_by_keys(connection, _TAGS, by_data):
        tags.setdefault(data_seq, {})[tag_key] = name
    # Read last: changes after the page's end are undone, also those between these statements.
    later = _later_changes(connection, by_data, reached)
    order = {data_seq: number for number, data_seq in enumerate(by_data)}
    return [
        _serialize(row, by_data[row[0]], tags.get(row[0], {}), later)
        for row in sorted(found, key=lambda r: order[r[0]])
    ]


def _later_changes(connection: Connection, seqs: Iterable[int], reached: int) -> set[tuple[int, int | None]]:
    rows = execute(connection, _LATER, (to_json(list(seqs)), reached)).fetchall()
    return {(data_seq, tag_key) for data_seq, _, tag_key in rows}


def _serialize(
    row: Sequence[Any], by_data: _DataChanges, tags: dict[int, str], later: set[tuple[int, int | None]]
) -> dict[str, Any]:
    data_seq, data_id, status, source = row
    return {
        "id": UUID(bytes=data_id),
        "became_ready": by_data.became_ready,
        "tagged": [name for key, name in tags.items() if key in by_data.tag_keys],
        # A change of readiness has no tag.
        "ready": status == UploadStatus.DONE.value and (data_seq, None) not in later,
        "tags": [name for key, name in tags.items() if key in by_data.tag_keys or (data_seq, key) not in later],
        "source": source,
    }


def _job(connection: Connection, job: bytes) -> dict[str, Any] | None:
    row = execute(connection, _JOBS, (job,)).fetchone()
    if row is None:
        return None
    return {
        "id": UUID(bytes=row[0]),
        "status": row[1],
        "type": row[2],
        "labels": None if row[3] is None else orjson.loads(row[3]),
        "counts": None if row[4] is None else orjson.loads(row[4]),
        "processing": row[5],
    }
