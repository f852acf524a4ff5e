"""Group commit: one writer thread commits all pending changes in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from datalake_ops.platform.store.disk_space import DiskFullError, DiskReserve, is_disk_full
from datalake_ops.platform.store.raw import execute

T = TypeVar("T")

# Largest group; a larger one would only delay its first members.
GROUP = 128


class WriterClosedError(RuntimeError):
    """The database is closing and accepts no more changes."""


@dataclass(slots=True)
class _Change:
    function: Callable[[Connection], Any]
    answer: Future[Any] | asyncio.Future[Any]
    essential: bool = False
    value: Any = None
    error: BaseException | None = None


class Writer:
    """Writer thread that owns the only writing connection."""

    def __init__(self, engine: Engine, reserve: DiskReserve) -> None:
        self._engine = engine
        self._reserve = reserve
        self._queue: SimpleQueue[_Change | None] = SimpleQueue()
        self._closed = False
        self._lock = Lock()
        self._thread = Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, function: Callable[[Connection], T], essential: bool = False) -> asyncio.Future[T]:
        """Queue a change; the future belongs to the running loop."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._put(_Change(function, answer, essential))
        return answer

    def submit_from_thread(self, function: Callable[[Connection], T], essential: bool = False) -> Future[T]:
        """Queue a change from a thread without an event loop."""
        answer: Future[T] = Future()
        self._put(_Change(function, answer, essential))
        return answer

    def prepare(self, prepare: Callable[[], Callable[[Connection], T]], answer: asyncio.Future[T]) -> None:
        """Build a change in a worker thread and queue it; an exception is set on the future."""
        change = _Change(_nothing, answer)
        try:
            change.function = prepare()
            self._put(change)
        except BaseException as error:  # noqa: BLE001 - the caller raises it.
            change.error = error
            _resolve([change])

    def close(self) -> None:
        """Commit pending changes and end the thread."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _put(self, change: _Change) -> None:
        with self._lock:
            if self._closed:
                raise WriterClosedError("The database is closing and takes no more changes.")
            self._queue.put(change)

    def _run(self) -> None:
        with self._engine.connect() as connection:
            while (first := self._queue.get()) is not None:
                group, last = self._drain(first)
                self._store(connection, group)
                _resolve(group)
                if last:
                    return

    def _store(self, connection: Connection, group: list[_Change]) -> None:
        """Commit a group; on a full disk only its essential changes, with the room of the reserve."""
        admitted = group if self._reserve.is_held() else [change for change in group if change.essential]
        _commit(connection, admitted)
        again = [change for change in admitted if change.essential and is_disk_full(change.error)]
        if again:
            self._reserve.give_up()
            for change in again:
                change.error = None
            _commit(connection, again)
        admitted_ids = {id(change) for change in admitted}
        for change in group:
            if id(change) not in admitted_ids or is_disk_full(change.error):
                full = DiskFullError()
                full.__cause__ = change.error
                change.error = full

    def _drain(self, first: _Change) -> tuple[list[_Change], bool]:
        group = [first]
        while len(group) < GROUP:
            try:
                change = self._queue.get_nowait()
            except Empty:
                break
            if change is None:
                return group, True
            group.append(change)
        return group, False


def _nothing(_connection: Connection) -> None:
    return None


def _commit(connection: Connection, group: list[_Change]) -> None:
    if not group:
        return
    try:
        with connection.begin():
            for change in group:
                _apply(connection, change)
    except BaseException as error:  # noqa: BLE001 - the commit failed: no change is stored, and every caller must know.
        for change in group:
            change.error = change.error or error


def _apply(connection: Connection, change: _Change) -> None:
    execute(connection, "SAVEPOINT change")
    try:
        change.value = change.function(connection)
    except BaseException as error:
        # The caller raises it; the others of the group go on.
        change.error = error
        if is_disk_full(error):
            # SQLite may have rolled back the whole transaction by itself, with the changes before this one.
            raise
        execute(connection, "ROLLBACK TO change")
    execute(connection, "RELEASE change")


def _resolve(group: list[_Change]) -> None:
    """Resolve the futures of a group, waking each event loop once."""
    loops: dict[asyncio.AbstractEventLoop, list[_Change]] = {}
    for change in group:
        if isinstance(change.answer, Future):
            _answer(change)
        else:
            loops.setdefault(change.answer.get_loop(), []).append(change)
    for loop, changes in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_answer_all, changes)


def _answer_all(changes: list[_Change]) -> None:
    for change in changes:
        _answer(change)


def _answer(change: _Change) -> None:
    if change.answer.done():  # The caller was cancelled meanwhile; the change stays.
        return
    if change.error is not None:
        change.answer.set_exception(change.error)
    else:
        change.answer.set_result(change.value)
