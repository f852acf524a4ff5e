"""Looks at data for all waits on one connection: over one session, and what several ask is asked once."""

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

_Question: TypeAlias = Operation[Page[Data]]


@dataclass(frozen=True)
class Count:
    """How many data matched, and when (seconds on the wall clock) the platform said so."""

    number: int
    at: float


Look: TypeAlias = Callable[[float], Awaitable[Count]]


@dataclass
class _Asked:
    """A question that waits ask now, and its last answer, which may be on its way."""

    question: _Question
    waits: int = 0
    answer: asyncio.Task[Count] | None = None
    answered_at: float = 0.0


class _SharedLooks:
    """The session of all waits on one connection, for as long as there are any; lives in one event loop."""

    def __init__(self, connection: Connection, organization_id: UUID) -> None:
        self._session = AsyncSession(connection, organization_id, pool_size=AT_ONCE)
        self._open = AsyncExitStack()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._asked: dict[tuple[str, tuple[tuple[str, str], ...]], _Asked] = {}
        self._refusal: DatalakeError | None = None
        self._quiet_until = 0.0

    @property
    def is_idle(self) -> bool:
        return not self._asked

    async def join(self, question: _Question) -> _Asked:
        if self.is_idle:
            # It opens without giving way to another wait.
            await self._open.enter_async_context(self._session)
        asked = self._asked.setdefault((question.path, question.query), _Asked(question))
        asked.waits += 1
        return asked

    def leave(self, asked: _Asked) -> None:
        asked.waits -= 1
        if asked.waits == 0:
            del self._asked[asked.question.path, asked.question.query]
            if asked.answer is not None:
                asked.answer.cancel()

    async def close(self) -> None:
        await self._open.aclose()

    async def look(self, asked: _Asked, max_age: float) -> Count:
        now, answer = time.time(), asked.answer
        if answer is None or (answer.done() and asked.answered_at < now - max_age):
            if self._refusal is not None and now < self._quiet_until:
                raise self._refusal
            # The context of whoever asks first, such as where its log lines go, is not that of the others.
            answer = contextvars.Context().run(asyncio.get_running_loop().create_task, self._ask(asked))
            answer.add_done_callback(_hear)
            asked.answer = answer
        # Who stops waiting stops nobody else.
        return await asyncio.shield(answer)

    async def _ask(self, asked: _Asked) -> Count:
        try:
            async with self._slots:
                page = await self._session.send(asked.question, ONE_TRY)
        except TRANSIENT as error:
            if retry_after := getattr(error, "retry_after", None):
                self._refusal, self._quiet_until = error, max(self._quiet_until, time.time() + retry_after)
            raise
        finally:
            asked.answered_at = time.time()
        return Count(page.count, asked.answered_at)


def _hear(answer: asyncio.Task[Count]) -> None:
    """Hear of an error that nobody waits for any more, or asyncio complains."""
    if not answer.cancelled():
        answer.exception()


_SHARED: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[Connection, UUID], _SharedLooks]] = WeakKeyDictionary()


@asynccontextmanager
async def shared_look(connection: Connection, organization_id: UUID, question: _Question) -> AsyncIterator[Look]:
    """A look that says how many data a page counts, and takes the answer to another wait when it is young enough.

    The look's argument is the greatest age of such an answer in seconds. A refusal that says when to ask again
    (`Retry-After`) is the answer to every wait on the connection until then.

    Raises (the look):
        AnswerError, NetworkError: as `AsyncSession` does; nothing is repeated.
    """
    of_loop = _SHARED.setdefault(asyncio.get_running_loop(), {})
    key = connection, organization_id
    if key not in of_loop:
        of_loop[key] = _SharedLooks(connection, organization_id)
    shared = of_loop[key]
    asked = await shared.join(question)
    try:
        yield lambda max_age: shared.look(asked, max_age)
    finally:
        shared.leave(asked)
        if shared.is_idle:
            # Whoever comes while it is being closed opens another.
            del of_loop[key]
            await shared.close()
