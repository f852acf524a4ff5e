"""Steps of an import: list the bucket and register data, then probe them; each step is resumable."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, select

from datalake_ops.pictures.formats import unsupported_reason
from datalake_ops.platform.catalog.delete import object_removal
from datalake_ops.platform.catalog.metadata_schema import read_schema
from datalake_ops.platform.catalog.tags_and_sources import source_key, tag_keys
from datalake_ops.platform.jobs import logs
from datalake_ops.platform.jobs.imports.changed_objects import ChangedObject, changed_objects, renew, retire
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
from datalake_ops.wire.jobs import OnChanged
from datalake_ops.wire.media_types import ending_of, pages_text, passed_over_text, type_of_name

T = TypeVar("T")

# Rows of one transaction: enough to be quick, few enough not to delay a registration behind it.
LIST_BATCH = 1000
PROBE_BATCH = 128
LOG_SECONDS = 5.0
COUNTS = (
    "listed", "imported", "updated", "skipped_known", "skipped_changed", "skipped_type", "skipped_name", "missing",
    "measured", "failed",
)  # fmt: skip
# Overwritten objects that one line of the log names.
_NAMED = 5


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

    @property
    def on_changed(self) -> OnChanged:
        """Treatment of overwritten objects; jobs of earlier versions name none."""
        return OnChanged(self.request.get("on_changed", OnChanged.SKIP))

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
        _write(work, partial(_register, work=work, found=found, counts=counts, name=name))
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
        entry, kind = bucket.stat(name), known_type(name)
        if entry is None:
            counts["missing"] += 1
            lines.append(f"{name}: the bucket has no such object")
        elif kind is None:
            counts["skipped_type"] += 1
            lines.append(f"{name}: {_not_known(name)}")
        else:
            found = ImportItem(name, entry.size, entry.etag, kind, change["metadata"], change["custom_metadata"])
            chosen.append((found, change))

    def register(connection: Connection) -> list[str]:
        logs.append(connection, work.job, lines)
        ready = [_with_tags_and_source(connection, work.lake, found, change) for found, change in chosen]
        return _register(connection, work, ready, counts, "")

    _write(work, register)


def probe_data(work: ImportWork) -> None:
    """Probe the files of all data that this import registered or is to read again."""
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
            found.append(ImportItem(item.name, item.size, item.etag, kind, **given))
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
    return replace(found, source_key=key, tag_keys=tags)


def _write(work: ImportWork, register: Callable[[Connection], list[str]]) -> None:
    """Register objects, then delete those that this has left without a row."""
    names = work.database.write_sync(register)
    if names:
        work.database.write_sync(object_removal(work.store, work.lake.connector_id, names), essential=True)


def _register(
    connection: Connection, work: ImportWork, found: Sequence[ImportItem], counts: Counter[str], name: str
) -> list[str]:
    changed = changed_objects(connection, work.lake, found)
    unused: list[str] = []
    if work.on_changed is OnChanged.NEW:
        retire(connection, changed)
    elif work.on_changed is OnChanged.UPDATE:
        unused = renew(connection, work.lake, work.job, changed)
    seqs = add_data(connection, work.lake, found)
    # Those that are new are among the imported.
    kept = 0 if work.on_changed is OnChanged.NEW else len(changed)
    outcome = "updated" if work.on_changed is OnChanged.UPDATE else "skipped_changed"
    counts = counts + Counter({"imported": len(seqs), "skipped_known": len(found) - len(seqs) - kept, outcome: kept})
    totals = add_counts(connection, work.job, counts)
    record_listed(connection, work.job, name, seqs)
    if changed:
        logs.append(connection, work.job, [_changed_line(work.on_changed, changed)])
    work.log(connection, f"listed {totals['listed']:,} objects, imported {totals['imported']:,}")
    return unused


def _changed_line(on_changed: OnChanged, changed: Sequence[ChangedObject]) -> str:
    named = ", ".join(one.item.name for one in changed[:_NAMED]) + (", ..." if len(changed) > _NAMED else "")
    text = f"{len(changed):,} objects were overwritten since their import ({named})"
    if on_changed is OnChanged.SKIP:
        return f"warning: {text}; their data are as before, and downloads of them fail: import with on_changed=update"
    return f"{text}: {'read again' if on_changed is OnChanged.UPDATE else 'imported as new data'}"


def _pending_data(connection: Connection, work: ImportWork) -> list[PendingData]:
    progress = read_progress(connection, work.job)
    data, update = schema.data.c, schema.import_update.c
    computing = (
        select(data.seq, data.object_name, data.content_type, data.metadata, data.custom_metadata)
        .where(data.upload_status == UploadStatus.COMPUTING.value, data.lake_key == work.lake.key)
        .order_by(data.seq)
        .limit(PROBE_BATCH)
    )
    added = computing.where(
        data.seq > progress.measured_seq,
        data.seq >= (progress.first_seq or 0),
        data.seq <= (progress.last_seq or 0),
    )
    again = computing.join(schema.import_update, update.data_seq == data.seq).where(update.job_id == work.job)
    return pending_data(connection.execute(added)) or pending_data(connection.execute(again))


def _record_probes(
    connection: Connection, work: ImportWork, results: Sequence[tuple[PendingData, MediaProperties | ProbeFailure]]
) -> None:
    results = [(item, _fitting(connection, work, result)) for item, result in results]
    failed = write_probed(connection, results)
    totals = add_counts(connection, work.job, {"measured": len(results), "failed": failed})
    record_probed(connection, work.job, [item.seq for item, _ in results])
    logs.append(
        connection,
        work.job,
        [f"{item.object_name}: {said}" for item, result in results if (said := _remark(result)) is not None],
    )
    work.log(connection, f"read {totals['measured']:,} of {totals['imported'] + totals.get('updated', 0):,} files")


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
