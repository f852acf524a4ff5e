"""Change feed of a lake: one poll for all watchers over equal connections in one event loop.

Each watcher requests the changes after its own cursor. In step, all have the same cursor and share the request; one
that comes back after a restart has requests of its own until it has caught up.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from datalake_ops.client import changes, data, lakes
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.data import DataFilter
from datalake_ops.config import Connection
from datalake_ops.errors import ConfigurationError, DatalakeError
from datalake_ops.lineage import LakeUri
from datalake_ops.waiting.blocking_wait import ONE_TRY, TRANSIENT
from datalake_ops.watching.filters import DataWatch
from datalake_ops.watching.newest_fallback import NewestDataFeed
from datalake_ops.wire.changes import ChangePage
from datalake_ops.wire.lakes import Extension
from datalake_ops.wire.paging import PAGE_SIZE

T = TypeVar("T")
# Seconds before the next request after a refusal such as a wrong token, which no early repetition mends.
_REFUSED_SECONDS = 60.0


class SharedRequests:
    """Single-flight map of requests: one for all watchers that need the same between two polls, with its answer."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, asyncio.Future[Any]] = {}
        self._quiet_until = 0.0

    async def send(self, key: Hashable, request: Callable[[], Awaitable[T]]) -> T:
        """Send a request once under a key, and give its answer, or its error, to each caller."""
        if key not in self._answers:
            self._answers[key] = asyncio.ensure_future(self._send(request))
        # A watcher that stops must not cancel the request of the others.
        answer: T = await asyncio.shield(self._answers[key])
        return answer

    def forget(self) -> None:
        """Forget the answers: the next request of each key is sent."""
        self._answers.clear()

    @property
    def quiet_seconds(self) -> float:
        """Seconds for which nothing is to be sent, after a refusal."""
        return self._quiet_until - time.monotonic()

    async def _send(self, request: Callable[[], Awaitable[T]]) -> T:
        try:
            return await request()
        except DatalakeError as error:
            pause = getattr(error, "retry_after", None) or (0.0 if isinstance(error, TRANSIENT) else _REFUSED_SECONDS)
            self._quiet_until = max(self._quiet_until, time.monotonic() + pause)
            raise


class LakeFeed:
    """Change feed of the lake of a connection; use it through `lake_feed`.

    Raises:
        DatalakeError: as the client; a failed request is repeated with the next poll, not here.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.intervals: list[float] = []
        self._session = AsyncSession(connection)
        self._opened = False
        self._requests = SharedRequests()
        self._beat: asyncio.Future[None] | None = None
        self._lake: UUID | None = None
        self._newest: NewestDataFeed | None = None
        self.uri: LakeUri | None = None

    @property
    def tells_everything(self) -> bool:
        """True if the platform logs changes; else only new data are seen, without their tags."""
        return self._newest is None

    async def changes(self, cursor: str | None, until: str | None = None) -> ChangePage:
        """Changes after a cursor; without one, an empty page with the cursor at the end of the log."""
        lake = await self._lake_id()
        newest = self._newest
        if newest is not None:
            return await self._requests.send(("newest", cursor, until), lambda: newest.page(cursor, until))
        operation = changes.list_changes(lake, cursor, until)
        return await self._requests.send(("changes", cursor, until), lambda: self._session.send(operation, ONE_TRY))

    async def open(self) -> LakeUri:
        """Look the lake up, once, and return its URI."""
        await self._lake_id()
        if self.uri is None:
            raise ConfigurationError("The lake could not be looked up.")
        return self.uri

    def knows(self, cursor: str) -> bool:
        """Return True if a cursor is of this platform's kind: its log of changes may have come or gone."""
        return cursor.isdigit() == self.tells_everything

    async def matching(self, watch: DataWatch, page: ChangePage) -> list[str]:
        """Ids of a page's data that pass a filter, in the order of the changes."""
        known = self.tells_everything
        concerned = [one for one in page.data if watch.matches(one)] if known else list(page.data)
        ids = tuple(one.id for one in concerned)
        query = watch.query(everything=not known)
        if not ids or not query:
            return [str(one) for one in ids]
        found = await self._requests.send(("matching", query, ids), lambda: self._among(ids, query))
        return [str(one) for one in ids if one in found]

    async def beat(self) -> None:
        """Wait for the next poll, which is the same for all watchers."""
        if self._beat is None or self._beat.done():
            self._beat = asyncio.ensure_future(self._rest())
        await asyncio.shield(self._beat)

    async def close(self) -> None:
        """Close the connections."""
        if self._beat is not None:
            self._beat.cancel()
        if self._opened:
            await self._session.__aexit__(None, None, None)

    async def _rest(self) -> None:
        interval = min(self.intervals, default=1.0) * random.uniform(0.95, 1.05)
        await asyncio.sleep(max(interval, self._requests.quiet_seconds))
        self._requests.forget()

    async def _among(self, ids: Sequence[UUID], query: str) -> set[UUID]:
        lake = await self._lake_id()
        found: set[UUID] = set()
        for start in range(0, len(ids), PAGE_SIZE):
            some = data.list_named(lake, "ids", ids[start : start + PAGE_SIZE], DataFilter(query))
            found |= {one.id for one in (await self._session.send(some, ONE_TRY)).items}
        return found

    async def _lake_id(self) -> UUID:
        if self._lake is None:
            await self._requests.send("lake", self._look_up)
        if self._lake is None:
            raise ConfigurationError("The lake could not be looked up.")
        return self._lake

    async def _look_up(self) -> None:
        if not self._opened:
            await self._session.__aenter__()
            self._opened = True
        connection = self.connection
        ping = await self._session.send(lakes.ping(), ONE_TRY)
        organization_id = connection.organization_id if isinstance(connection.organization_id, UUID) else None
        if organization_id is None and connection.organization_name:
            organization_id = await self._session.send(lakes.find_organization(connection.organization_name), ONE_TRY)
        if (organization_id := organization_id or ping.default_organization) is None:
            raise ConfigurationError("The token has no default organization; name one in the connection.")
        organization = await self._session.send(lakes.get_organization(organization_id), ONE_TRY)
        if organization.default_connector_id is not None:
            self._session.organization_id = organization.id
        lake_id = connection.datalake_id if isinstance(connection.datalake_id, UUID) else None
        lake = await self._session.send(lakes.get_datalake(organization.id, lake_id, connection.datalake_name), ONE_TRY)
        if Extension.CHANGES.value not in ping.extensions:
            self._newest = NewestDataFeed(self._session, lake.id)
        self.uri = LakeUri.of(connection.host, organization.name, lake.name)
        self._lake = lake.id


_FEEDS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Connection, LakeFeed]] = WeakKeyDictionary()


@asynccontextmanager
async def lake_feed(connection: Connection, interval: float) -> AsyncIterator[LakeFeed]:
    """Give the feed of a connection in the running event loop; it polls at the shortest interval of its users."""
    feeds = _FEEDS.setdefault(asyncio.get_running_loop(), {})
    feed = feeds.setdefault(connection, LakeFeed(connection))
    feed.intervals.append(interval)
    try:
        yield feed
    finally:
        feed.intervals.remove(interval)
        if not feed.intervals:
            feeds.pop(connection, None)
            await feed.close()
