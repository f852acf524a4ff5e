"""Imports of projections: objects of the bucket that become other renderings of data already in the lake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from datalake_ops.platform.jobs import logs
from datalake_ops.platform.jobs.imports.progress import add_counts, record_listed
from datalake_ops.platform.jobs.imports.steps import ImportWork
from datalake_ops.platform.objects.media_type import UNKNOWN, known_type
from datalake_ops.platform.services import MediaProperties, ProbeFailure
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.types import new_id, now
from datalake_ops.wire.data import UploadStatus


@dataclass(frozen=True)
class _ProjectionToImport:
    data_name: str
    name: str
    object_name: str


def attach_projections(work: ImportWork) -> None:
    """Attach the named objects to their data; those attached already stay as they are."""
    projections = [
        _ProjectionToImport(data_name, one["name"], one["object_name"])
        for data_name, several in work.request["projections"].items()
        for one in several
    ]
    counts: Counter[str] = Counter(listed=len(projections))
    lines: list[str] = []
    ready: list[tuple[_ProjectionToImport, MediaProperties | ProbeFailure]] = []
    for one in projections:
        work.check()
        if work.store.stat(work.lake.connector_id, one.object_name) is None:
            counts["missing"] += 1
            lines.append(f"{one.object_name}: the storage has no such object")
        else:
            kind = known_type(one.object_name) or UNKNOWN
            ready.append((one, work.store.probe(work.lake.connector_id, one.object_name, kind)))

    def attach(connection: Connection) -> None:
        _attach(connection, work, ready, counts, lines)
        logs.append(connection, work.job, lines)
        add_counts(connection, work.job, counts)
        record_listed(connection, work.job, "", [])

    work.database.write_sync(attach)


def _attach(
    connection: Connection,
    work: ImportWork,
    ready: Sequence[tuple[_ProjectionToImport, MediaProperties | ProbeFailure]],
    counts: Counter[str],
    lines: list[str],
) -> None:
    data = schema.data.c
    for one, result in ready:
        statement = select(data.seq).where(data.lake_key == work.lake.key, data.object_name == one.data_name)
        seq = connection.execute(statement).scalar()
        if seq is None:
            counts["missing"] += 1
            lines.append(f"{one.data_name}: the lake has no data of this object name")
            continue
        if not work.store.claim(work.lake.connector_id, one.object_name):
            counts["missing"] += 1
            lines.append(f"{one.object_name}: the storage has no such object any more")
            continue
        row = insert(schema.projection).values(_row(seq, one, result)).on_conflict_do_nothing()
        outcome = "imported" if connection.execute(row).rowcount else "skipped_known"
        counts[outcome] += 1
        if isinstance(result, ProbeFailure) and outcome == "imported":
            counts["failed"] += 1
            lines.append(f"{one.object_name}: {result.reason}")


def _row(seq: int, one: _ProjectionToImport, result: MediaProperties | ProbeFailure) -> dict[str, Any]:
    done = isinstance(result, MediaProperties)
    return {
        "id": new_id(),
        "data_seq": seq,
        "name": one.name,
        "object_name": one.object_name,
        "filename": one.object_name.rpartition("/")[2],
        "content_type": known_type(one.object_name) or UNKNOWN,
        "file_size": result.size_bytes,
        "width": result.width if isinstance(result, MediaProperties) else None,
        "height": result.height if isinstance(result, MediaProperties) else None,
        "compute_status": (UploadStatus.DONE if done else UploadStatus.ERROR).value,
        "created_at": now(),
    }
