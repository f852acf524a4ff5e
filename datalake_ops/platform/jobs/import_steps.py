"""One import at work: listing the bucket into data, then measuring them, each step resumable where it was left."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, select

from datalake_ops.platform.catalog.tags_and_sources import source_key, tag_keys
from datalake_ops.platform.jobs import import_progress, logs
from datalake_ops.platform.jobs.import_writes import Found, ToMeasure, add_data, write_measured
from datalake_ops.platform.lake import Lake
from datalake_ops.platform.objects.bucket import Listed
from datalake_ops.platform.objects.media_type import known_type
from datalake_ops.platform.objects.names import BadNameError, check_object_name
from datalake_ops.platform.objects.object_store import LocalStore
from datalake_ops.platform.services import Measured, Unreadable
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.database import Database
from datalake_ops.wire.data import UploadStatus

T = TypeVar("T")

# Rows of one transaction: enough to be quick, few enough that a registration behind it hardly waits.
LIST_BATCH = 1000
MEASURE_BATCH = 128
SAY_SECONDS = 5.0
COUNTS = ("listed", "imported", "skipped_known", "skipped_type", "skipped_name", "missing", "measured", "failed")


class StoppedError(RuntimeError):
    """The server is stopping; the import goes on when it starts again."""


@dataclass
class ImportWork:
    """An import, and what it works with."""

    job: UUID
    lake: Lake
    request: Mapping[str, Any]
    database: Database
    store: LocalStore
    stopping: threading.Event
    _said_at: float = field(default=0.0, init=False)

    def check(self) -> None:
        """Raise StoppedError when the server is stopping."""
        if self.stopping.is_set():
            raise StoppedError

    def say(self, connection: Connection, text: str, always: bool = False) -> None:
        """Write a line to the job's log, now and then only unless `always`."""
        if always or time.monotonic() - self._said_at >= SAY_SECONDS:
            self._said_at = time.monotonic()
            logs.append(connection, self.job, [text])


def list_prefixes(work: ImportWork) -> None:
    """Register what the bucket holds under the prefixes, a batch and the cursor behind it in one transaction each."""
    progress = work.database.read_sync(lambda connection: import_progress.read_progress(connection, work.job))
    bucket = work.store.bucket(work.lake.connector_id)
    for batch in _batches(bucket.walk(work.request["prefixes"], progress.name), LIST_BATCH):
        work.check()
        found, counts = _sorted_out(batch, work.request)
        name = max((item.name for item in batch if _storable(item.name)), default="")
        work.database.write_sync(partial(_register, work=work, found=found, counts=counts, name=name))


def list_objects(work: ImportWork) -> None:
    """Register the objects that are named, each with its own metadata, tags and source."""
    bucket = work.store.bucket(work.lake.connector_id)
    counts: Counter[str] = Counter(listed=len(work.request["objects"]))
    lines: list[str] = []
    chosen: list[tuple[Found, Mapping[str, Any]]] = []
    for name, change in work.request["objects"].items():
        size, kind = bucket.size(name), known_type(name)
        if size is None:
            counts["missing"] += 1
            lines.append(f"{name}: the bucket has no such object")
        elif kind is None:
            counts["skipped_type"] += 1
            lines.append(f"{name}: neither an image nor a video by its name")
        else:
            found = Found(name, size, kind, change["metadata"], change["custom_metadata"])
            chosen.append((found, change))

    def register(connection: Connection) -> None:
        logs.append(connection, work.job, lines)
        ready = [_with_names(connection, work.lake, found, change) for found, change in chosen]
        _register(connection, work, ready, counts, "")

    work.database.write_sync(register)


def measure_data(work: ImportWork) -> None:
    """Read the files of all that this import registered."""
    with ThreadPoolExecutor(work.store.measurers, thread_name_prefix="measure") as threads:
        while True:
            work.check()
            items = work.database.read_sync(lambda connection: _to_measure(connection, work))
            if not items:
                return
            results = list(
                zip(items, threads.map(lambda item: measured(work.store, work.lake, item), items), strict=True)
            )
            work.check()
            work.database.write_sync(partial(_note_measured, work=work, results=results))


def measured(store: LocalStore, lake: Lake, item: ToMeasure) -> Measured | Unreadable:
    """What the file of a data truly is."""
    return store.measure(lake.connector_id, item.object_name, item.content_type)


def to_measure(rows: Iterable[Any]) -> list[ToMeasure]:
    """Rows of data as things to measure."""
    return [ToMeasure(row.seq, row.object_name, row.content_type, row.metadata) for row in rows]


def _sorted_out(batch: Sequence[Listed], request: Mapping[str, Any]) -> tuple[list[Found], Counter[str]]:
    counts: Counter[str] = Counter(listed=len(batch))
    found: list[Found] = []
    for item in batch:
        kind = known_type(item.name)
        if kind is None:
            counts["skipped_type"] += 1
        elif not _storable(item.name):
            counts["skipped_name"] += 1
        else:
            given = {"source_key": request["source_key"], "tag_keys": request["tag_keys"]}
            found.append(Found(item.name, item.size, kind, **given))
    return found, counts


def _storable(name: str) -> bool:
    try:
        check_object_name(name)
    except BadNameError:
        return False
    return True


def _with_names(connection: Connection, lake: Lake, found: Found, change: Mapping[str, Any]) -> Found:
    tags = tuple(tag_keys(connection, lake, change["tags"]).values())
    source = change["data_source"]
    key = source_key(connection, lake.organization_id, source) if source else None
    return Found(found.name, found.size, found.content_type, found.metadata, found.custom_metadata, key, tags)


def _register(
    connection: Connection, work: ImportWork, found: Sequence[Found], counts: Counter[str], name: str
) -> None:
    seqs = add_data(connection, work.lake, found)
    counts = counts + Counter(imported=len(seqs), skipped_known=len(found) - len(seqs))
    totals = import_progress.add_counts(connection, work.job, counts)
    import_progress.listed(connection, work.job, name, seqs)
    work.say(connection, f"listed {totals['listed']:,} objects, imported {totals['imported']:,}")


def _to_measure(connection: Connection, work: ImportWork) -> list[ToMeasure]:
    progress = import_progress.read_progress(connection, work.job)
    data = schema.data.c
    return to_measure(
        connection.execute(
            select(data.seq, data.object_name, data.content_type, data.metadata)
            .where(data.seq > progress.measured_seq, data.seq >= (progress.first_seq or 0))
            .where(data.seq <= (progress.last_seq or 0), data.lake_key == work.lake.key)
            .where(data.upload_status == UploadStatus.COMPUTING.value)
            .order_by(data.seq)
            .limit(MEASURE_BATCH)
        )
    )


def _note_measured(
    connection: Connection, work: ImportWork, results: Sequence[tuple[ToMeasure, Measured | Unreadable]]
) -> None:
    failed = write_measured(connection, results)
    totals = import_progress.add_counts(connection, work.job, {"measured": len(results), "failed": failed})
    import_progress.measured(connection, work.job, results[-1][0].seq)
    logs.append(
        connection,
        work.job,
        [f"{item.object_name}: {result.reason}" for item, result in results if isinstance(result, Unreadable)],
    )
    work.say(connection, f"read {totals['measured']:,} of {totals['imported']:,} files")


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
