"""One poll of a lake for all who watch it over equal connections in one event loop.

Who watches asks for what happened after its own cursor. In step, all have the same cursor and share the request;
who comes back after a restart asks for itself until it has caught up.
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
from datalake_ops.watching.newest_fallback import Newest
from datalake_ops.wire.changes import ChangePage
from datalake_ops.wire.lakes import Extension
from datalake_ops.wire.paging import PAGE_SIZE

T = TypeVar("T")
# A wrong token or a lost lake is not mended by asking often.
_REFUSED_SECONDS = 60.0


class LakeFeed:
    """What happens in the lake of a connection; use it through `lake_feed`.

    Raises:
        DatalakeError: as the client; a failed request is not repeated here but with the next beat.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.intervals: list[float] = []
        self._session = AsyncSession(connection)
        self._opened = False
        self._answers: dict[Hashable, asyncio.Future[Any]] = {}
        self._beat: asyncio.Future[None] | None = None
        self._quiet_until = 0.0
        self._lake: UUID | None = None
        self._newest: Newest | None = None
        self.uri: LakeUri | None = None

    @property
    def tells_everything(self) -> bool:
        """Whether the platform logs changes; else only new data are seen, without their tags."""
        return self._newest is None

    async def changes(self, cursor: str | None, until: str | None = None) -> ChangePage:
        """What happened after a cursor; without one, where the log ends."""
        lake = await self._place()
        newest = self._newest
        if newest is not None:
            return await self._shared(("newest", cursor, until), lambda: newest.page(cursor, until))
        operation = changes.list_changes(lake, cursor, until)
        return await self._shared(("changes", cursor, until), lambda: self._session.send(operation, ONE_TRY))

    async def open(self) -> LakeUri:
        """Look the lake up, if nobody did yet, and tell its name."""
        await self._place()
        if self.uri is None:
            raise ConfigurationError("The lake could not be looked up.")
        return self.uri

    def knows(self, cursor: str) -> bool:
        """Whether a cursor is of this platform's kind: its log of changes may have come or gone."""
        return cursor.isdigit() == self.tells_everything

    async def matching(self, watch: DataWatch, page: ChangePage) -> list[str]:
        """Ids of a page's data that are new to a watch, in the order in which it happened."""
        known = self.tells_everything
        concerned = [one for one in page.data if watch.concerns(one)] if known else list(page.data)
        ids = tuple(one.id for one in concerned)
        query = watch.query(everything=not known)
        if not ids or not query:
            return [str(one) for one in ids]
        found = await self._shared(("matching", query, ids), lambda: self._among(ids, query))
        return [str(one) for one in ids if one in found]

    async def beat(self) -> None:
        """Wait for the next time to look, which is the same for all."""
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
        await asyncio.sleep(max(interval, self._quiet_until - time.monotonic()))
        self._answers.clear()

    async def _among(self, ids: Sequence[UUID], query: str) -> set[UUID]:
        lake = await self._place()
        found: set[UUID] = set()
        for start in range(0, len(ids), PAGE_SIZE):
            some = data.list_named(lake, "ids", ids[start : start + PAGE_SIZE], DataFilter(query))
            found |= {one.id for one in (await self._session.send(some, ONE_TRY)).items}
        return found

    async def _place(self) -> UUID:
        if self._lake is None:
            await self._shared("place", self._look_up)
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
            self._newest = Newest(self._session, lake.id)
        self.uri = LakeUri.of(connection.host, organization.name, lake.name)
        self._lake = lake.id

    async def _shared(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """One request for all who ask the same between two beats; what it raises, all hear."""
        if key not in self._answers:
            self._answers[key] = asyncio.ensure_future(self._noting(ask))
        # Who stops watching must not take the answer away from the others.
        answer: T = await asyncio.shield(self._answers[key])
        return answer

    async def _noting(self, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            return await ask()
        except DatalakeError as error:
            asked = getattr(error, "retry_after", None) or (0.0 if isinstance(error, TRANSIENT) else _REFUSED_SECONDS)
            self._quiet_until = max(self._quiet_until, time.monotonic() + asked)
            raise


_FEEDS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Connection, LakeFeed]] = WeakKeyDictionary()


@asynccontextmanager
async def lake_feed(connection: Connection, interval: float) -> AsyncIterator[LakeFeed]:
    """The feed of a connection in the running event loop; the shortest interval of those who use it is its pace."""
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
