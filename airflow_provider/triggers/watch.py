"""Triggers for `AssetWatcher`: a DAG starts when data arrive in a lake, or when a job ended there."""

from __future__ import annotations

import asyncio
import importlib
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import TriggerEvent

from airflow_provider.compat import AirflowException
from airflow_provider.hooks.datalake import DatalakeHook
from airflow_provider.triggers.watch_state import MEMORY_ERRORS, WatchMemory
from datalake_ops.errors import ConfigurationError, DatalakeError, UnauthorizedError

if TYPE_CHECKING:
    from datalake_ops.watching.change_feed import LakeFeed
    from datalake_ops.watching.filters import DataWatch, JobWatch, Place
    from datalake_ops.wire.changes import ChangePage

# Seconds between two tries to find the connection.
_CONNECTION_SECONDS = 60.0
# Seconds after which an Airflow that does not tell has surely kept an event.
_KEPT_SECONDS = 10.0
# Seconds between two events, from when Airflow has kept the first. It makes a run of the events up to the first that
# was queued, by `AssetDagRunQueue.created_at`: one that comes before that run was made waits until yet another comes.
_APART_SECONDS = 10.0
# Seconds that Airflow has to keep an event before the next one is told all the same.
_UNKEPT_SECONDS = 60.0
# Seconds between two notes of a place at which there was nothing to tell.
_NOTE_SECONDS = 60.0


@dataclass(frozen=True)
class News:
    """Something to tell: an event's payload, and the cursor up to which it tells everything."""

    payload: dict[str, Any]
    until: str


class LakeTrigger(BaseEventTrigger):
    """Follows a lake and fires for each batch of news, for ever; failed looks are logged and tried again.

    All such triggers of one connection in one triggerer share one poll. The place of each is kept in Airflow: an event
    is announced there before it is fired and crossed off when Airflow has kept it, so a triggerer that dies loses
    nothing; what it may have told already it tells again with the same `batch` and `redelivered`.

    Args:
        datalake_conn_id: The Airflow connection; only its id is stored.
        poll_interval: Seconds between looks; of all watchers of a connection the shortest counts.
    """

    def __init__(
        self, datalake_conn_id: str = DatalakeHook.default_conn_name, poll_interval: float = 30.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        if poll_interval <= 0:
            raise ConfigurationError(f"poll_interval is seconds and must be positive, not {poll_interval}.")
        self.datalake_conn_id = datalake_conn_id
        self.poll_interval = poll_interval
        self._memory: WatchMemory | None = None
        self._place: Place | None = None
        self._lake = ""
        self._noted_at = 0.0
        self._told_at = -_APART_SECONDS
        # Up to where was told what Airflow is about to keep.
        self._told_until: str | None = None
        self._all_kept: asyncio.Event | None = None
        self._writing: asyncio.Lock | None = None

    @abstractmethod
    def _watch(self) -> DataWatch | JobWatch:
        """What is watched."""

    @abstractmethod
    async def _chosen(self, feed: LakeFeed, page: ChangePage) -> dict[str, Any] | None:
        """What a page has to tell, as part of an event's payload; None for nothing."""

    def shared_stream_key(self) -> Hashable | None:
        """One stream per watch: Airflow says through it when an event is kept (3.3); the poll is shared elsewhere."""
        # Another interval makes another trigger of Airflow's, with its own asset and memory: a stream has one trigger.
        return ("datalake-watch", self._key(), self.poll_interval)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> Any:
        """What follows the lake for the trigger that will introduce itself."""
        from airflow_provider.triggers.watch_stream import WatchProducer

        return WatchProducer()

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Introduce this trigger to the producer, and fire for what it then tells."""
        async for told in shared_stream:
            if isinstance(told, News):
                yield TriggerEvent(told.payload)  # type: ignore[no-untyped-call]
            else:
                told.met.set_result(self)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Follow the lake where Airflow does not say when an event is kept (before 3.3)."""
        async for told in self.news():
            yield TriggerEvent(told.payload)  # type: ignore[no-untyped-call]
            await asyncio.sleep(_KEPT_SECONDS)
            await self.kept(told.until)

    async def news(self) -> AsyncIterator[News]:
        """Everything there is to tell, from the place on that was kept."""
        # Half a second of imports would hold up every other trigger of this triggerer.
        await asyncio.to_thread(importlib.import_module, "datalake_ops.watching.change_feed")
        from datalake_ops.watching.change_feed import lake_feed

        self._writing, self._all_kept, self._told_until = asyncio.Lock(), asyncio.Event(), None
        self._memory = WatchMemory(self._key(), getattr(self, "asset_state_store", None))
        while True:
            try:
                connection = await DatalakeHook.aconnection(self.datalake_conn_id)
            except (AirflowException, DatalakeError, OSError) as error:
                self.log.error("The connection cannot be used, and is tried again: %s", error)
                await asyncio.sleep(_CONNECTION_SECONDS)
                continue
            async with lake_feed(connection, self.poll_interval) as feed:
                async for one in self._follow(feed):
                    yield one

    async def kept(self, until: str) -> None:
        """Airflow has kept what was told up to a cursor."""
        if until == self._told_until and self._all_kept is not None:
            self._told_at = time.monotonic()
            self._all_kept.set()
        if self._place is not None:
            self._place = self._place.kept(until)
            with suppress(*MEMORY_ERRORS):  # Told again after a restart, as something that may have been told.
                await self._note()

    async def _follow(self, feed: LakeFeed) -> AsyncIterator[News]:
        """News over one connection; ends when its token is refused, for it may have been exchanged."""
        at: str | None = None
        while True:
            try:
                if at is None:
                    place = await self._begin(feed)
                    async for one in self._told_before(feed, place):
                        yield one
                    at = place.end
                page = await feed.changes(at)
                told = await self._chosen(feed, page)
                if told is not None:
                    await self._apart()
                    yield await self._telling(told, at, page.cursor)
                else:
                    await self._passing(page.cursor)
                if page.lost:
                    self.log.error("The platform no longer has all that happened: some news may be missing.")
                at, more = page.cursor, page.more
            except UnauthorizedError as error:
                self.log.error("The token was refused, and is looked up again: %s", error)
                await feed.beat()
                return
            except (DatalakeError, *MEMORY_ERRORS) as error:
                self.log.warning("Looking failed, and is tried again: %s: %s", type(error).__name__, error)
                more = False
            if not more:
                await feed.beat()

    async def _begin(self, feed: LakeFeed) -> Place:
        """The place that was kept; the first time, or when it is one of another lake, where the lake's news end now."""
        from datalake_ops.watching.filters import Place

        self._lake = str(await feed.open())
        if self._place is None and self._memory is not None:
            kept = await self._memory.read()
            place = Place.from_json(kept)
            if place is not None and kept.get("lake") == self._lake and feed.knows(place.cursor):
                self._place = place
        if self._place is None:
            self._place = Place((await feed.changes(None)).cursor)
            await self._note()
            self.log.info("Watching %s from now on", self._lake)
        return self._place

    async def _told_before(self, feed: LakeFeed, place: Place) -> AsyncIterator[News]:
        """What was announced before a restart, and may not have been kept."""
        start = place.cursor
        for until in place.pending:
            told = await self._chosen(feed, await feed.changes(start, until))
            if told is None:
                await self.kept(until)
            else:
                await self._apart()
                yield self._tell(told, start, until, redelivered=True)
            start = until

    async def _telling(self, told: dict[str, Any], start: str, until: str) -> News:
        if self._place is not None:
            announced = self._place.telling(until)
            before, self._place = self._place, announced
            try:
                await self._note()
            except BaseException:
                self._place = before
                raise
        return self._tell(told, start, until)

    async def _apart(self) -> None:
        """Wait until Airflow has kept the event before, and made a run of it."""
        if self._told_until is not None and self._all_kept is not None:
            # One that cannot be kept is told again after a restart.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_kept.wait(), _UNKEPT_SECONDS)
            self._all_kept.clear()
            self._told_until = None
        await asyncio.sleep(max(0.0, self._told_at + _APART_SECONDS - time.monotonic()))

    async def _passing(self, until: str) -> None:
        if self._place is None or self._place.passing(until) == self._place:
            return
        self._place = self._place.passing(until)
        if time.monotonic() - self._noted_at >= _NOTE_SECONDS:
            await self._note()

    def _tell(self, told: dict[str, Any], start: str, until: str, redelivered: bool = False) -> News:
        from datalake_ops.watching.filters import watch_key

        self._told_at, self._told_until = time.monotonic(), until
        batch = watch_key(self._key(), start, until)
        return News({"batch": batch, "redelivered": redelivered, "lake": self._lake, **told}, until)

    async def _note(self) -> None:
        if self._memory is None or self._writing is None or self._place is None:
            return
        # The last one written is the newest: two at once might end the other way round.
        async with self._writing:
            await self._memory.write({"lake": self._lake, **self._place.to_json()})
            self._noted_at = time.monotonic()

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
        poll_interval: Seconds between looks; of all watchers of a connection the shortest counts.
    """

    def __init__(
        self,
        datalake_conn_id: str = DatalakeHook.default_conn_name,
        tags: str | Sequence[str] | None = None,
        source: str | None = None,
        q: str | None = None,
        exclude_tags: str | Sequence[str] | None = None,
        exclude_sources: str | Sequence[str] | None = None,
        poll_interval: float = 30.0,
    ) -> None:
        super().__init__(datalake_conn_id, poll_interval)
        self.tags = _listed(tags)
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
        return DataWatch(tuple(self.tags), self.source, self.q, *excluded)

    async def _chosen(self, feed: LakeFeed, page: ChangePage) -> dict[str, Any] | None:
        ids = await feed.matching(self._watch(), page)
        if not ids:
            return None
        asked = {"tags": self.tags, "source": self.source, "q": self.q}
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
        poll_interval: Seconds between looks; of all watchers of a connection the shortest counts.
    """

    def __init__(
        self,
        datalake_conn_id: str = DatalakeHook.default_conn_name,
        processing: str | None = None,
        labels: Mapping[str, str] | None = None,
        exclude_labels: Mapping[str, str] | None = None,
        statuses: Sequence[str] = ("SUCCEEDED",),
        poll_interval: float = 30.0,
    ) -> None:
        super().__init__(datalake_conn_id, poll_interval)
        self.processing = processing
        self.labels = dict(labels or {})
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
        return JobWatch(self.processing, pairs(self.labels), pairs(self.exclude_labels), statuses)

    async def _chosen(self, feed: LakeFeed, page: ChangePage) -> dict[str, Any] | None:
        if not feed.tells_everything:
            if not self._complained:
                self.log.error("This platform does not tell which jobs ended (extension `changes`): nothing is seen.")
            self._complained = True
            return None
        watch = self._watch()
        names = {"id", "status", "processing", "labels", "counts"}
        jobs = [job.model_dump(mode="json", include=names) for job in page.jobs if watch.concerns(job)]
        return {"jobs": jobs, "count": len(jobs)} if jobs else None


def _listed(words: str | Sequence[str] | None) -> list[str]:
    return sorted({words} if isinstance(words, str) else set(map(str, words or ())))
