"""Position of a watcher in a lake's change feed, kept in Airflow before and after each event."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import AIRFLOW_ERRORS
from airflow_provider.triggers.watch_state import WatchStateStore

if TYPE_CHECKING:
    from datalake_ops.watching.change_feed import LakeFeed
    from datalake_ops.watching.filters import FeedPosition

# Seconds between two events, from when Airflow has stored the first. It makes a run of the events up to the first that
# was queued, by `AssetDagRunQueue.created_at`: one that comes before that run was made waits until yet another comes.
EVENT_SPACING_SECONDS = 10.0
# Seconds that Airflow has to store an event before the next one is fired all the same.
STORE_SECONDS = 60.0
# Seconds between two writes of a position at which there was no event to fire.
_WRITE_SECONDS = 60.0


@dataclass(frozen=True)
class WatchEvent:
    """An event to fire: its payload, and the cursor of the change feed up to which it reports everything."""

    payload: dict[str, Any]
    until: str


class WatchCursor:
    """Position of one watcher: read once, announced before an event is fired, advanced when Airflow has stored it.

    A triggerer that dies therefore loses no event; an event that may have been stored is fired again with the same
    `batch` and `redelivered`.

    Args:
        key: Key of the watch: the same filters on the same connection have the same key.
        store: Airflow's state store of the watched asset (Airflow 3.3), or None.
        log: Logger of the trigger.
    """

    def __init__(self, key: str, store: Any, log: Any) -> None:
        self._key = key
        self._log = log
        self._store = WatchStateStore(key, store)
        self._writing = asyncio.Lock()
        self._stored = asyncio.Event()
        self._position: FeedPosition | None = None
        self._lake = ""
        self._written_at = 0.0
        self._stored_at = -EVENT_SPACING_SECONDS
        # Cursor of the last event that was fired and is not stored yet.
        self._fired_until: str | None = None

    @property
    def fired_at(self) -> float:
        """Monotonic time at which the last event was fired, or stored where that is known."""
        return self._stored_at

    def restart(self) -> None:
        """Forget the event that waits for an acknowledgement: its stream is gone."""
        self._stored.clear()
        self._fired_until = None

    async def open(self, feed: LakeFeed) -> FeedPosition:
        """Return the stored position; at the first start, or of another lake, the present end of the change feed."""
        from datalake_ops.watching.filters import FeedPosition

        self._lake = str(await feed.open())
        if self._position is None:
            stored = await self._store.read()
            position = FeedPosition.from_json(stored)
            if position is not None and stored.get("lake") == self._lake and feed.knows(position.cursor):
                self._position = position
        if self._position is None:
            self._position = FeedPosition((await feed.changes(None)).cursor)
            await self._write()
            self._log.info("The watch of %s starts now: earlier data and jobs fire no event.", self._lake)
        return self._position

    async def wait_for_turn(self) -> None:
        """Wait until Airflow has stored the event before, and has made a run of it."""
        if self._fired_until is not None:
            # An event that cannot be stored is fired again after a restart.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stored.wait(), STORE_SECONDS)
            self._stored.clear()
            self._fired_until = None
        await asyncio.sleep(max(0.0, self._stored_at + EVENT_SPACING_SECONDS - time.monotonic()))

    async def announce(self, payload: dict[str, Any], start: str, until: str) -> WatchEvent:
        """Write down that an event is about to be fired, and return the event."""
        if self._position is not None:
            before, self._position = self._position, self._position.delivering(until)
            try:
                await self._write()
            except BaseException:
                self._position = before
                raise
        return self.event(payload, start, until)

    def event(self, payload: dict[str, Any], start: str, until: str, redelivered: bool = False) -> WatchEvent:
        """Return the event of a range of changes; the same range has the same `batch`."""
        from datalake_ops.watching.filters import watch_key

        self._stored_at, self._fired_until = time.monotonic(), until
        batch = watch_key(self._key, start, until)
        return WatchEvent({"batch": batch, "redelivered": redelivered, "lake": self._lake, **payload}, until)

    async def skip(self, until: str) -> None:
        """Move past changes that fire no event; written at most once a minute."""
        if self._position is None or self._position.skipping(until) == self._position:
            return
        self._position = self._position.skipping(until)
        if time.monotonic() - self._written_at >= _WRITE_SECONDS:
            await self._write()

    async def acknowledge(self, until: str) -> None:
        """Move past an event that Airflow has stored."""
        if until == self._fired_until:
            self._stored_at = time.monotonic()
            self._stored.set()
        if self._position is not None:
            self._position = self._position.acknowledging(until)
            with suppress(*AIRFLOW_ERRORS):  # The event is fired again after a restart, marked as redelivered.
                await self._write()

    async def _write(self) -> None:
        if self._position is None:
            return
        # Two writes at once might end in the other order.
        async with self._writing:
            await self._store.write({"lake": self._lake, **self._position.to_json()})
            self._written_at = time.monotonic()
