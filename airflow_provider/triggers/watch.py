"""Triggers for `AssetWatcher`: a DAG starts when data arrive in a lake, or when a job ended there."""

from __future__ import annotations

import asyncio
import importlib
from abc import abstractmethod
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import TriggerEvent

from airflow_provider.compat import AIRFLOW_ERRORS
from airflow_provider.hooks.datalake import DatalakeHook
from airflow_provider.triggers.watch_cursor import WatchCursor, WatchEvent
from datalake_ops import arguments
from datalake_ops.errors import ConfigurationError, DatalakeError, UnauthorizedError

if TYPE_CHECKING:
    from datalake_ops.watching.change_feed import LakeFeed
    from datalake_ops.watching.filters import DataWatch, FeedPosition, JobWatch
    from datalake_ops.wire.changes import ChangePage

# Seconds between two look-ups of a connection that cannot be used.
_CONNECTION_SECONDS = 60.0
# Seconds after which an Airflow that acknowledges nothing (before 3.3) has surely stored an event.
_UNACKNOWLEDGED_SECONDS = 10.0


class LakeTrigger(BaseEventTrigger):
    """Follows a lake's change feed and fires an event for each batch of new data or ended jobs, without an end.

    All such triggers of one connection in one triggerer share one poll. The position of each is kept in Airflow (see
    `WatchCursor`), so a triggerer that dies loses no event. A failed poll is logged and repeated.

    Args:
        datalake_conn_id: The Airflow connection; only its id is stored.
        poll_interval: Seconds between polls, as a number, its text or a timedelta; of all watchers of a connection the
            shortest counts.
    """

    def __init__(
        self,
        datalake_conn_id: str = DatalakeHook.default_conn_name,
        poll_interval: float | str | timedelta = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        seconds = arguments.positive_seconds("poll_interval", poll_interval)
        if seconds is None:
            raise arguments.refusal("poll_interval", None, "write a number of seconds above 0, or leave it out.")
        self.datalake_conn_id = datalake_conn_id
        self.poll_interval = seconds
        self._cursor: WatchCursor | None = None

    @abstractmethod
    def _watch(self) -> DataWatch | JobWatch:
        """Return the filters of the watch."""

    @abstractmethod
    async def _chosen(self, feed: LakeFeed, page: ChangePage) -> dict[str, Any] | None:
        """Return the part of an event's payload that a page of changes makes, or None where nothing matches."""

    def shared_stream_key(self) -> Hashable | None:
        """Key of the trigger's stream, one per watch: Airflow 3.3 acknowledges events through it."""
        # Another interval makes another trigger of Airflow's, with its own asset and state: a stream has one trigger.
        return ("datalake-watch", self._key(), self.poll_interval)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> Any:
        """Make the producer that follows the lake for the trigger of a stream."""
        from airflow_provider.triggers.watch_stream import WatchProducer

        return WatchProducer()

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Hand this trigger to the producer, and fire the events that it then yields."""
        async for item in shared_stream:
            if isinstance(item, WatchEvent):
                yield TriggerEvent(item.payload)  # type: ignore[no-untyped-call]
            else:
                item.trigger.set_result(self)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Follow the lake where Airflow does not acknowledge events (before 3.3)."""
        async for event in self.events():
            yield TriggerEvent(event.payload)  # type: ignore[no-untyped-call]
            await asyncio.sleep(_UNACKNOWLEDGED_SECONDS)
            await self.acknowledge(event.until)

    async def events(self) -> AsyncIterator[WatchEvent]:
        """Yield an event for each batch, from the stored position on."""
        # Half a second of imports would hold up every other trigger of this triggerer.
        await asyncio.to_thread(importlib.import_module, "datalake_ops.watching.change_feed")
        from datalake_ops.watching.change_feed import lake_feed

        if self._cursor is None:
            self._cursor = WatchCursor(self._key(), getattr(self, "asset_state_store", None), self.log)
        self._cursor.restart()
        while True:
            try:
                connection = await DatalakeHook.aconnection(self.datalake_conn_id)
            except (DatalakeError, *AIRFLOW_ERRORS) as error:
                self.log.error(
                    "The Airflow connection %r cannot be used; the watcher tries again in %.0f s: %s",
                    self.datalake_conn_id, _CONNECTION_SECONDS, error,
                )  # fmt: skip
                await asyncio.sleep(_CONNECTION_SECONDS)
                continue
            async with lake_feed(connection, self.poll_interval) as feed:
                async for event in self._follow(self._cursor, feed):
                    yield event

    async def acknowledge(self, until: str) -> None:
        """Take note that Airflow has stored the event up to a cursor of the change feed."""
        if self._cursor is not None:
            await self._cursor.acknowledge(until)

    async def _follow(self, cursor: WatchCursor, feed: LakeFeed) -> AsyncIterator[WatchEvent]:
        """Yield the events of one connection; ends when its token is refused, for it may have been exchanged."""
        at: str | None = None
        while True:
            try:
                if at is None:
                    position = await cursor.open(feed)
                    async for event in self._redelivered(cursor, feed, position):
                        yield event
                    at = position.end
                page = await feed.changes(at)
                payload = await self._chosen(feed, page)
                if payload is not None:
                    await cursor.wait_for_turn()
                    yield await cursor.announce(payload, at, page.cursor)
                else:
                    await cursor.skip(page.cursor)
                if page.lost:
                    self.log.error("The platform has dropped old changes: this watch may have missed data or jobs.")
                at, more = page.cursor, page.more
            except UnauthorizedError as error:
                self.log.error("The platform refused the token; the connection is looked up again: %s", error)
                await feed.beat()
                return
            except (DatalakeError, *AIRFLOW_ERRORS) as error:
                self.log.warning(
                    "The poll failed and is repeated in %s s: %s: %s", self.poll_interval, type(error).__name__, error
                )
                more = False
            if not more:
                await feed.beat()

    async def _redelivered(
        self, cursor: WatchCursor, feed: LakeFeed, position: FeedPosition
    ) -> AsyncIterator[WatchEvent]:
        """Yield again the events that were announced before a restart and may not have been stored."""
        start = position.cursor
        for until in position.pending:
            payload = await self._chosen(feed, await feed.changes(start, until))
            if payload is None:
                await cursor.acknowledge(until)
            else:
                await cursor.wait_for_turn()
                yield cursor.event(payload, start, until, redelivered=True)
            start = until

    def _key(self) -> str:
        from datalake_ops.watching.filters import watch_key

        return watch_key(self.datalake_conn_id, self._watch())


class DatalakeDataTrigger(LakeTrigger):
    """Fires when new data arrive that carry all `tags`, came from `source` and match `q`.

    The event's payload has `data_ids` (at most about a thousand; more come in further events), `count`, `lake`, `tags`,
    `source`, `q`, `batch` and `redelivered`. Data are new when they become usable, or come to carry one of `tags`,
    whichever is later; see `docs/airflow.md` for what this means for DAGs that write where they watch.

    Example:
        >>> new_photos = Asset(
        ...     "new-photos", watchers=[AssetWatcher(name="raw", trigger=DatalakeDataTrigger(tags=["raw"]))]
        ... )

    Args:
        datalake_conn_id: The Airflow connection; only its id is stored.
        tags: Data that carry all of these.
        source: Data that came from this source.
        q: Data that match this query-language text, asked when they are new.
        exclude_tags, exclude_sources: No data that carry one of these, or came from one of these: what the DAG itself
            makes.
        poll_interval: Seconds between polls, as a number, its text or a timedelta; of all watchers of a connection the
            shortest counts.

    Raises:
        ArgumentError: `tags`, `source` or `q` is given and empty, so that no data or all data would be meant.
    """

    def __init__(
        self,
        datalake_conn_id: str = DatalakeHook.default_conn_name,
        tags: str | Sequence[str] | None = None,
        source: str | None = None,
        q: str | None = None,
        exclude_tags: str | Sequence[str] | None = None,
        exclude_sources: str | Sequence[str] | None = None,
        poll_interval: float | str | timedelta = 30.0,
    ) -> None:
        super().__init__(datalake_conn_id, poll_interval)
        arguments.refuse_empty({"tags": tags, "source": source, "q": q})
        # None stays None: what was left out is told from what was given and is empty in every process.
        self.tags = None if tags is None else _listed(tags)
        self.source = source
        self.q = q
        self.exclude_tags = _listed(exclude_tags)
        self.exclude_sources = _listed(exclude_sources)
        self._watch()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and what makes an equal trigger in another process; no host and no token."""
        names = ("datalake_conn_id", "tags", "source", "q", "exclude_tags", "exclude_sources", "poll_interval")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    def _watch(self) -> DataWatch:
        from datalake_ops.watching.filters import DataWatch

        excluded = (tuple(self.exclude_tags), tuple(self.exclude_sources))
        return DataWatch(tuple(self.tags or ()), self.source, self.q, *excluded)

    async def _chosen(self, feed: LakeFeed, page: ChangePage) -> dict[str, Any] | None:
        ids = await feed.matching(self._watch(), page)
        if not ids:
            return None
        asked = {"tags": self.tags or [], "source": self.source, "q": self.q}
        return {"data_ids": ids, "count": len(ids), **asked}


class DatalakeJobsTrigger(LakeTrigger):
    """Fires when jobs ended in the lake, whoever started them; needs a platform with the extension `changes`.

    The event's payload has `jobs` (`id`, `status`, `processing`, `labels` and `counts` of each), `count`, `lake`,
    `batch` and `redelivered`.

    Args:
        datalake_conn_id: The Airflow connection; only its id is stored.
        processing: Name of the processing; imports have none.
        labels: Jobs that carry all of these; jobs of operators have `dag_id`, `run_id`, `task_id`.
        exclude_labels: No jobs that carry one of these, such as `{"dag_id": "the_dag_that_is_started"}`.
        statuses: How the jobs ended; SUCCEEDED, FAILED or KILLED.
        poll_interval: Seconds between polls, as a number, its text or a timedelta; of all watchers of a connection the
            shortest counts.

    Raises:
        ArgumentError: `processing`, `labels` or `statuses` is given and empty.
    """

    def __init__(
        self,
        datalake_conn_id: str = DatalakeHook.default_conn_name,
        processing: str | None = None,
        labels: Mapping[str, str] | None = None,
        exclude_labels: Mapping[str, str] | None = None,
        statuses: Sequence[str] = ("SUCCEEDED",),
        poll_interval: float | str | timedelta = 30.0,
    ) -> None:
        super().__init__(datalake_conn_id, poll_interval)
        self.processing = processing
        arguments.refuse_empty({"processing": processing, "labels": labels, "statuses": statuses})
        self.labels = None if labels is None else dict(labels)
        self.exclude_labels = dict(exclude_labels or {})
        self.statuses = _listed(statuses)
        self._complained = False
        self._watch()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and what makes an equal trigger in another process; no host and no token."""
        names = ("datalake_conn_id", "processing", "labels", "exclude_labels", "statuses", "poll_interval")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    def _watch(self) -> JobWatch:
        from datalake_ops.watching.filters import JobWatch, pairs
        from datalake_ops.wire.jobs import JobStatus

        try:
            statuses = tuple(JobStatus(status) for status in self.statuses)
        except ValueError as error:
            raise ConfigurationError(f"statuses: {error}; jobs end SUCCEEDED, FAILED or KILLED.") from error
        return JobWatch(self.processing, pairs(self.labels or {}), pairs(self.exclude_labels), statuses)

    async def _chosen(self, feed: LakeFeed, page: ChangePage) -> dict[str, Any] | None:
        if not feed.tells_everything:
            if not self._complained:
                self.log.error("This platform does not tell which jobs ended (extension `changes`): nothing is seen.")
            self._complained = True
            return None
        watch = self._watch()
        names = {"id", "status", "processing", "labels", "counts"}
        jobs = [job.model_dump(mode="json", include=names) for job in page.jobs if watch.matches(job)]
        return {"jobs": jobs, "count": len(jobs)} if jobs else None


def _listed(words: str | Sequence[str] | None) -> list[str]:
    return sorted({words} if isinstance(words, str) else set(map(str, words or ())))
