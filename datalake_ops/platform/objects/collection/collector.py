"""Collector of uploaded objects that no row names.

They are left by uploads that were given up, and by deletes that were cut short between their rows and their objects.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from datalake_ops.platform.objects.collection.digest_filter import DigestFilter
from datalake_ops.platform.objects.collection.object_rows import count_named, named_objects
from datalake_ops.platform.objects.folder_store import object_digest
from datalake_ops.platform.objects.names import BadNameError
from datalake_ops.platform.objects.object_store import LocalObjectStore
from datalake_ops.platform.store.database import Database, ReadTooLongError
from datalake_ops.platform.store.disk_space import DiskFullError

T = TypeVar("T")

DAY_SECONDS = 24 * 3600.0
_INTERVAL_SECONDS = DAY_SECONDS
# Objects removed in one write; more would delay registrations.
_REMOVALS = 100
# It rests nine times as long as it works, so that requests do not notice it.
_REST, _REST_SECONDS = 9, 1.0
_logger = logging.getLogger(__name__)


class _StoppedError(RuntimeError):
    """The server stops; what is known of the rows is not whole."""


class ObjectCollector:
    """Thread that looks at a start, and once a day, for objects older than `age_seconds` that no row names.

    An upload has until then to register its object. A file of a user's bucket is never touched. With an age of 0
    nothing is collected.
    """

    def __init__(self, store: LocalObjectStore, database: Database, age_seconds: float) -> None:
        # An address may be used until it expires.
        self._age = max(age_seconds, store.lifetime) if age_seconds else 0.0
        self._store = store
        self._database = database
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="collector", daemon=True)

    def start(self) -> None:
        """Begin with the first round."""
        if self._age:
            self._thread.start()

    def stop(self) -> None:
        """End at the next pause, within about a second."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def collect(self) -> int:
        """Delete what is collectable now; returns the number of objects."""
        if not self._age:
            return 0
        stored_before = time.time() - self._age
        self._store.uploads.drop_expired()
        count = size = 0
        # A write: what the rows are read for below is committed then, and what comes later is claimed.
        self._database.write_sync(lambda _: self._store.begin_collection(), essential=True)
        try:
            for digests in self._unnamed(stored_before):
                remove = partial(_remove, store=self._store, digests=digests, stored_before=stored_before)
                sizes = self._database.write_sync(remove, essential=True)
                count, size = count + len(sizes), size + sum(sizes)
        finally:
            self._database.write_sync(lambda _: self._store.end_collection(), essential=True)
        if count:
            _logger.warning(
                "%s uploaded objects (%.1f MiB) were deleted: they are older than %.1f days and neither data nor"
                " projections.", f"{count:,}", size / 1024**2, self._age / DAY_SECONDS,
            )  # fmt: skip
        return count

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.collect()
            except _StoppedError:
                return
            except (OSError, SQLAlchemyError, sqlite3.Error, DiskFullError, ReadTooLongError) as error:
                _logger.warning("Objects that no row names could not be collected: %s", error)
            self._stopping.wait(_INTERVAL_SECONDS)

    def _unnamed(self, stored_before: float) -> Iterator[list[str]]:
        """Digests of old objects that no row names, some at a time."""
        named: DigestFilter | None = None
        for digests in self._paced(self._store.folder.stored_before(stored_before)):
            # Read when there is something to look for: most homes are young, or small.
            if digests and named is None:
                named = self._named()
            unnamed = (digest for digest in digests if named is not None and bytes.fromhex(digest) not in named)
            while some := list(islice(unnamed, _REMOVALS)):
                yield some

    def _named(self) -> DigestFilter:
        found = DigestFilter(count_named(self._database))
        for named in self._paced(named_objects(self._database)):
            for connector, name in named:
                # A program may report a log of any name, which is that of no object then.
                try:
                    found.add(bytes.fromhex(object_digest(str(connector), name)))
                except BadNameError:
                    continue
        return found

    def _paced(self, pieces: Iterable[T]) -> Iterator[T]:
        """Pass pieces of work on, with a rest after each.

        Raises:
            _StoppedError: the server stops.
        """
        began = time.monotonic()
        for piece in pieces:
            yield piece
            if self._stopping.wait(min(_REST_SECONDS, _REST * (time.monotonic() - began))):
                raise _StoppedError
            began = time.monotonic()


def _remove(_: Connection, store: LocalObjectStore, digests: Sequence[str], stored_before: float) -> list[int]:
    return store.remove_unclaimed(digests, stored_before)
