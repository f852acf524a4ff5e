"""Database access: several readers and one writer with group commit.

SQLite has one writer at a time. Instead of threads that wait for each other's locks, one writer thread takes all
pending writes, runs each in its own savepoint and commits them together.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar, cast

from sqlalchemy import Connection, Delete, Engine, create_engine, event, insert, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from datalake_ops.platform.store import schema
from datalake_ops.platform.store.change_log import create_change_log
from datalake_ops.platform.store.counters import create_counters
from datalake_ops.platform.store.disk_space import DiskReserve
from datalake_ops.platform.store.migrations import migrate
from datalake_ops.platform.store.writer import Writer

T = TypeVar("T")

READERS = 4
# No page of a million data takes this long; a hundred text conditions over all of them would.
READ_SECONDS = 30.0
WORKERS = 8
_DEADLINE = "deadline_at"
_STEPS = 100_000  # of SQLite's machine, about a millisecond
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA busy_timeout=30000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-16000",
)


class SchemaTooNewError(RuntimeError):
    """The database was created by a newer version of datalake-ops."""


class ReadTooLongError(RuntimeError):
    """A read exceeded its time limit and was interrupted, so that other reads proceed."""


class Database:
    """Database of one server.

    A function passed to `read` or `write` gets a SQLAlchemy connection and runs in another thread: it must return plain
    values, not cursors. An exception reaches the caller and rolls the function's own changes back.

    On a full disk writes raise DiskFullError. Those that are `essential`, since they free room or end jobs, use the
    reserve then; they may be run twice. With `fsync` what was written is on the disk when a write returns, so that a
    power loss cannot take it; without, a killed server loses nothing, but a machine without power may.
    """

    def __init__(self, path: Path, read_seconds: float = READ_SECONDS, fsync: bool = False) -> None:
        self.path = path
        self._read_seconds = read_seconds
        self.reserve = DiskReserve(path.with_name("reserve"))
        self._write_engine = _engine(path, pool_size=1, read_only=False, fsync=fsync)
        _prepare(self._write_engine)
        self._read_engine = _engine(path, pool_size=READERS, read_only=True)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="worker")
        self._writer = Writer(self._write_engine, self.reserve)

    async def read(self, function: Callable[[Connection], T], seconds: float | None = None) -> T:
        """Run a read-only function in a reader thread; `seconds` sets another limit than `read_seconds`."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_sync, function, seconds)

    def read_sync(self, function: Callable[[Connection], T], seconds: float | None = None) -> T:
        """Run a read-only function in this thread.

        Raises:
            ReadTooLongError: it takes longer than `read_seconds`, or than `seconds`.
        """
        limit = self._read_seconds if seconds is None else seconds
        with self._read_engine.connect() as connection:
            connection.info[_DEADLINE] = time.monotonic() + limit
            try:
                return function(connection)
            except (sqlite3.OperationalError, OperationalError) as error:
                if "interrupted" not in str(error):
                    raise
                raise ReadTooLongError(f"Reading took longer than {limit:g} s.") from error

    async def write(self, function: Callable[[Connection], T], essential: bool = False) -> T:
        """Run a function that writes; returns once its changes are committed."""
        return await self._writer.submit(function, essential)

    async def delete(self, statement: Delete) -> int:
        """Run a DELETE, also on a full disk; returns the number of rows."""
        return await self.write(lambda connection: connection.execute(statement).rowcount, essential=True)

    async def write_prepared(self, prepare: Callable[[], Callable[[Connection], T]]) -> T:
        """Run `prepare` in a worker thread, then write the change that it returns.

        The worker passes the change to the writer itself: the event loop is woken once, not twice.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._workers.submit(self._writer.prepare, prepare, answer)
        return await answer

    def write_sync(self, function: Callable[[Connection], T], essential: bool = False) -> T:
        """Same as `write`, for threads without an event loop."""
        answer: Future[T] = self._writer.submit_from_thread(function, essential)
        return answer.result()

    def close(self) -> None:
        """Finish pending work, then close every connection."""
        self._workers.shutdown()
        self._writer.close()
        self._readers.shutdown()
        self._read_engine.dispose()
        self._write_engine.dispose()


def _engine(path: Path, pool_size: int, read_only: bool, fsync: bool = False) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=32 if read_only else 0,
        pool_reset_on_return=None if read_only else "rollback",
        connect_args={"check_same_thread": False, "isolation_level": None, "cached_statements": 512},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        if fsync:
            # In WAL mode this syncs the log with each commit.
            connection.execute("PRAGMA synchronous=FULL")
        if read_only:
            connection.execute("PRAGMA query_only=ON")
            connection.set_progress_handler(lambda: time.monotonic() > record.info[_DEADLINE], _STEPS)

    if not read_only:

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # A deferred transaction that turns to writing fails at once when another process writes.
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _prepare(engine: Engine) -> None:
    """Create the tables of a new database, or migrate an earlier version's; refuse a database of a newer version."""
    # SQLite takes no notice of this within a transaction; the pool's one connection keeps it.
    with engine.connect() as connection:
        _enforce_foreign_keys(connection, False)
    with engine.begin() as connection:
        schema.installation.create(connection, checkfirst=True)
        version = connection.scalar(
            select(schema.installation.c.value).where(schema.installation.c.name == "schema_version")
        )
        if version != str(schema.SCHEMA_VERSION):
            _create_or_migrate(connection, None if version is None else int(version))
    with engine.connect() as connection:
        _enforce_foreign_keys(connection, True)


def _create_or_migrate(connection: Connection, version: int | None) -> None:
    if version is None:
        schema.metadata.create_all(connection)
        create_counters(connection)
        create_change_log(connection)
    elif version > schema.SCHEMA_VERSION:
        raise SchemaTooNewError(
            f"The database has schema version {version}; this datalake-ops knows up to {schema.SCHEMA_VERSION}. "
            "Upgrade datalake-ops, or serve another folder."
        )
    else:
        migrate(connection, version)
    row = {"name": "schema_version", "value": str(schema.SCHEMA_VERSION)}
    connection.execute(insert(schema.installation).prefix_with("OR REPLACE").values(row))


def _enforce_foreign_keys(connection: Connection, enforced: bool) -> None:
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    driver.execute(f"PRAGMA foreign_keys={'ON' if enforced else 'OFF'}")
