"""Steps of an import: list the bucket and register data, then probe them; each step is resumable."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, select

from datalake_ops.pictures.formats import unsupported_reason
from datalake_ops.platform.catalog.metadata_schema import read_schema
from datalake_ops.platform.catalog.tags_and_sources import source_key, tag_keys
from datalake_ops.platform.jobs import logs
from datalake_ops.platform.jobs.imports.progress import add_counts, read_progress, record_listed, record_probed
from datalake_ops.platform.jobs.imports.writes import ImportItem, PendingData, add_data, write_probed
from datalake_ops.platform.objects.bucket import BucketEntry
from datalake_ops.platform.objects.media_type import known_type
from datalake_ops.platform.objects.names import BadNameError, check_object_name
from datalake_ops.platform.objects.object_store import LocalObjectStore
from datalake_ops.platform.services import MediaProperties, ProbeFailure
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.wire.data import UploadStatus
from datalake_ops.wire.image_metadata import FILL_ALL
from datalake_ops.wire.media_types import ending_of, pages_text, passed_over_text, type_of_name

T = TypeVar("T")

# Rows of one transaction: enough to be quick, few enough not to delay a registration behind it.
LIST_BATCH = 1000
PROBE_BATCH = 128
LOG_SECONDS = 5.0
COUNTS = ("listed", "imported", "skipped_known", "skipped_type", "skipped_name", "missing", "measured", "failed")


class ServerStoppingError(RuntimeError):
    """The server is stopping; the import resumes when it starts again."""


@dataclass
class ImportWork:
    """Import with the services that its steps use."""

    job: UUID
    lake: LakeRow
    request: Mapping[str, Any]
    database: Database
    store: LocalObjectStore
    stopping: threading.Event
    # Objects that are neither an image nor a video that is read here, by the ending of their names.
    passed_over: Counter[str] = field(default_factory=Counter, init=False)
    _logged_at: float = field(default=0.0, init=False)

    @property
    def reads_all(self) -> bool:
        """True if place, true moment and camera are read from EXIF too."""
        return bool(self.request.get("fill_metadata") == FILL_ALL)

    def check(self) -> None:
        """Raise ServerStoppingError if the server is stopping."""
        if self.stopping.is_set():
            raise ServerStoppingError

    def log(self, connection: Connection, text: str, always: bool = False) -> None:
        """Append a line to the job's log, at most once per LOG_SECONDS unless `always`."""
        if always or time.monotonic() - self._logged_at >= LOG_SECONDS:
            self._logged_at = time.monotonic()
            logs.append(connection, self.job, [text])


def list_prefixes(work: ImportWork) -> None:
    """Register the bucket's objects under the prefixes; each batch and its cursor are one transaction."""
    progress = work.database.read_sync(lambda connection: read_progress(connection, work.job))
    bucket = work.store.bucket(work.lake.connector_id)
    for batch in _batches(bucket.walk(work.request["prefixes"], progress.name), LIST_BATCH):
        work.check()
        found, counts = _classify(batch, work)
        name = max((item.name for item in batch if _storable(item.name)), default="")
        work.database.write_sync(partial(_register, work=work, found=found, counts=counts, name=name))
    if work.passed_over:
        line = f"passed over by the ending of their names: {passed_over_text(work.passed_over)}"
        work.database.write_sync(lambda connection: logs.append(connection, work.job, [line]))


def list_objects(work: ImportWork) -> None:
    """Register the named objects, each with its own metadata, tags and source."""
    bucket = work.store.bucket(work.lake.connector_id)
    counts: Counter[str] = Counter(listed=len(work.request["objects"]))
    lines: list[str] = []
    chosen: list[tuple[ImportItem, Mapping[str, Any]]] = []
    for name, change in work.request["objects"].items():
        size, kind = bucket.size(name), known_type(name)
        if size is None:
            counts["missing"] += 1
            lines.append(f"{name}: the bucket has no such object")
        elif kind is None:
            counts["skipped_type"] += 1
            lines.append(f"{name}: {_not_known(name)}")
        else:
            found = ImportItem(name, size, kind, change["metadata"], change["custom_metadata"])
            chosen.append((found, change))

    def register(connection: Connection) -> None:
        logs.append(connection, work.job, lines)
        ready = [_with_tags_and_source(connection, work.lake, found, change) for found, change in chosen]
        _register(connection, work, ready, counts, "")

    work.database.write_sync(register)


def probe_data(work: ImportWork) -> None:
    """Probe the files of all data that this import registered."""
    with ThreadPoolExecutor(work.store.probe_slots, thread_name_prefix="measure") as threads:
        while True:
            work.check()
            items = work.database.read_sync(lambda connection: _pending_data(connection, work))
            if not items:
                return
            probes = threads.map(lambda item: probe_object(work.store, work.lake, item, work.reads_all), items)
            results = list(zip(items, probes, strict=True))
            work.check()
            work.database.write_sync(partial(_record_probes, work=work, results=results))


def probe_object(
    store: LocalObjectStore, lake: LakeRow, item: PendingData, full: bool = False
) -> MediaProperties | ProbeFailure:
    """Probe the file of a data, and read all that its EXIF tells if `full`."""
    return store.probe(lake.connector_id, item.object_name, item.content_type, full)


def pending_data(rows: Iterable[Any]) -> list[PendingData]:
    """Rows of data as values to probe."""
    return [PendingData(row.seq, row.object_name, row.content_type, row.metadata, row.custom_metadata) for row in rows]


def _not_known(name: str) -> str:
    kind = type_of_name(name)
    return "neither an image nor a video by its name" if kind is None else unsupported_reason(kind)


def _classify(batch: Sequence[BucketEntry], work: ImportWork) -> tuple[list[ImportItem], Counter[str]]:
    request = work.request
    counts: Counter[str] = Counter(listed=len(batch))
    found: list[ImportItem] = []
    for item in batch:
        kind = known_type(item.name)
        if kind is None:
            counts["skipped_type"] += 1
            work.passed_over[ending_of(item.name)] += 1
        elif not _storable(item.name):
            counts["skipped_name"] += 1
        else:
            given = {"source_key": request["source_key"], "tag_keys": request["tag_keys"]}
            found.append(ImportItem(item.name, item.size, kind, **given))
    return found, counts


def _storable(name: str) -> bool:
    try:
        check_object_name(name)
    except BadNameError:
        return False
    return True


def _with_tags_and_source(
    connection: Connection, lake: LakeRow, found: ImportItem, change: Mapping[str, Any]
) -> ImportItem:
    tags = tuple(tag_keys(connection, lake, change["tags"]).values())
    source = change["data_source"]
    key = source_key(connection, lake.organization_id, source) if source else None
    return ImportItem(found.name, found.size, found.content_type, found.metadata, found.custom_metadata, key, tags)


def _register(
    connection: Connection, work: ImportWork, found: Sequence[ImportItem], counts: Counter[str], name: str
) -> None:
    seqs = add_data(connection, work.lake, found)
    counts = counts + Counter(imported=len(seqs), skipped_known=len(found) - len(seqs))
    totals = add_counts(connection, work.job, counts)
    record_listed(connection, work.job, name, seqs)
    work.log(connection, f"listed {totals['listed']:,} objects, imported {totals['imported']:,}")


def _pending_data(connection: Connection, work: ImportWork) -> list[PendingData]:
    progress = read_progress(connection, work.job)
    data = schema.data.c
    return pending_data(
        connection.execute(
            select(data.seq, data.object_name, data.content_type, data.metadata, data.custom_metadata)
            .where(data.seq > progress.measured_seq, data.seq >= (progress.first_seq or 0))
            .where(data.seq <= (progress.last_seq or 0), data.lake_key == work.lake.key)
            .where(data.upload_status == UploadStatus.COMPUTING.value)
            .order_by(data.seq)
            .limit(PROBE_BATCH)
        )
    )


def _record_probes(
    connection: Connection, work: ImportWork, results: Sequence[tuple[PendingData, MediaProperties | ProbeFailure]]
) -> None:
    results = [(item, _fitting(connection, work, result)) for item, result in results]
    failed = write_probed(connection, results)
    totals = add_counts(connection, work.job, {"measured": len(results), "failed": failed})
    record_probed(connection, work.job, results[-1][0].seq)
    logs.append(
        connection,
        work.job,
        [f"{item.object_name}: {said}" for item, result in results if (said := _remark(result)) is not None],
    )
    work.log(connection, f"read {totals['measured']:,} of {totals['imported']:,} files")


def _fitting(
    connection: Connection, work: ImportWork, result: MediaProperties | ProbeFailure
) -> MediaProperties | ProbeFailure:
    """The result with those custom metadata that the lake's schema takes."""
    if isinstance(result, ProbeFailure) or not result.custom_metadata:
        return result
    return replace(result, custom_metadata=read_schema(connection, work.lake.key).accepted(result.custom_metadata))


def _remark(result: MediaProperties | ProbeFailure) -> str | None:
    if isinstance(result, ProbeFailure):
        return result.reason
    return pages_text(result.pages)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
