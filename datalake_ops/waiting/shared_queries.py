"""Shared queries: counts of data for all waits on one connection, over one session, equal ones requested once."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID
from weakref import WeakKeyDictionary

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.operation import Operation
from datalake_ops.config import Connection
from datalake_ops.errors import DatalakeError
from datalake_ops.waiting.blocking_wait import ONE_TRY, TRANSIENT
from datalake_ops.waiting.job_lookup import AT_ONCE
from datalake_ops.wire.data import Data
from datalake_ops.wire.paging import Page

_CountOperation: TypeAlias = Operation[Page[Data]]


@dataclass(frozen=True)
class DataCount:
    """Number of data that matched, and the time (seconds on the wall clock) of the answer."""

    number: int
    at: float


CountQuery: TypeAlias = Callable[[float], Awaitable[DataCount]]


@dataclass
class _SharedQuery:
    """A query that waits repeat, and its last answer, which may be on its way."""

    operation: _CountOperation
    waits: int = 0
    answer: asyncio.Task[DataCount] | None = None
    answered_at: float = 0.0


class _SharedQueries:
    """Session and queries of all waits on one connection, open for as long as there are any, in one event loop."""

    def __init__(self, connection: Connection, organization_id: UUID) -> None:
        self._session = AsyncSession(connection, organization_id, pool_size=AT_ONCE)
        self._open = AsyncExitStack()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._queries: dict[tuple[str, tuple[tuple[str, str], ...]], _SharedQuery] = {}
        self._refusal: DatalakeError | None = None
        self._quiet_until = 0.0

    @property
    def is_idle(self) -> bool:
        return not self._queries

    async def join(self, operation: _CountOperation) -> _SharedQuery:
        if self.is_idle:
            # It opens without yielding to another wait.
            await self._open.enter_async_context(self._session)
        query = self._queries.setdefault((operation.path, operation.query), _SharedQuery(operation))
        query.waits += 1
        return query

    def leave(self, query: _SharedQuery) -> None:
        query.waits -= 1
        if query.waits == 0:
            del self._queries[query.operation.path, query.operation.query]
            if query.answer is not None:
                query.answer.cancel()

    async def close(self) -> None:
        await self._open.aclose()

    async def look(self, query: _SharedQuery, max_age: float) -> DataCount:
        now, answer = time.time(), query.answer
        if answer is None or (answer.done() and query.answered_at < now - max_age):
            if self._refusal is not None and now < self._quiet_until:
                raise self._refusal
            # The context of the first wait, such as the destination of its log lines, is not that of the others.
            answer = contextvars.Context().run(asyncio.get_running_loop().create_task, self._ask(query))
            answer.add_done_callback(_retrieve)
            query.answer = answer
        # A wait that is stopped stops no other.
        return await asyncio.shield(answer)

    async def _ask(self, query: _SharedQuery) -> DataCount:
        try:
            async with self._slots:
                page = await self._session.send(query.operation, ONE_TRY)
        except TRANSIENT as error:
            if retry_after := getattr(error, "retry_after", None):
                self._refusal, self._quiet_until = error, max(self._quiet_until, time.time() + retry_after)
            raise
        finally:
            query.answered_at = time.time()
        return DataCount(page.count, query.answered_at)


def _retrieve(answer: asyncio.Task[DataCount]) -> None:
    """Retrieve an error that no wait needs any more; asyncio warns of errors that are never retrieved."""
    if not answer.cancelled():
        answer.exception()


_SHARED: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[Connection, UUID], _SharedQueries]] = (
    WeakKeyDictionary()
)


@asynccontextmanager
async def shared_count(
    connection: Connection, organization_id: UUID, operation: _CountOperation
) -> AsyncIterator[CountQuery]:
    """Give a function that counts data, and takes the answer of another wait when it is young enough.

    Its argument is the greatest age of such an answer in seconds. A refusal with `Retry-After` is the answer to every
    wait on the connection until then.

    Raises (the function):
        AnswerError, NetworkError: as `AsyncSession` does; nothing is repeated.
    """
    of_loop = _SHARED.setdefault(asyncio.get_running_loop(), {})
    key = connection, organization_id
    if key not in of_loop:
        of_loop[key] = _SharedQueries(connection, organization_id)
    shared = of_loop[key]
    query = await shared.join(operation)
    try:
        yield lambda max_age: shared.look(query, max_age)
    finally:
        shared.leave(query)
        if shared.is_idle:
            # A wait that begins while this is being closed opens another.
            del of_loop[key]
            await shared.close()
