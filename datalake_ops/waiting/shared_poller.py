"""One loop that polls all the jobs that are awaited on one connection."""

from __future__ import annotations

import asyncio
import contextvars
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID
from weakref import WeakKeyDictionary

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.config import Connection
from datalake_ops.errors import DatalakeError
from datalake_ops.waiting.blocking_wait import TRANSIENT, Wait
from datalake_ops.waiting.job_lookup import AT_ONCE, Looker
from datalake_ops.waiting.log_tail import Tail
from datalake_ops.waiting.schedule import EARLY, GATHER
from datalake_ops.wire.jobs import Job

# Looks at logs of jobs that go on, together per second: they cannot be asked for many at a time.
_LOGS_PER_SECOND = 2.0


@dataclass(frozen=True)
class Seen:
    """What a poll found: the job, and new lines of its log where they were asked for."""

    job: Job
    lines: tuple[str, ...] = ()


@dataclass(eq=False)
class _Watch:
    wait: Wait
    tail: Tail | None
    next_at: float
    pause: float = 0.0
    is_changed: bool = False
    news: asyncio.Queue[Seen | Exception] = field(default_factory=asyncio.Queue)

    def is_due(self, now: float) -> bool:
        return self.next_at - now <= self.pause * EARLY

    def rest(self, now: float, error: DatalakeError | None = None) -> None:
        try:
            self.pause = self.wait.pause(error)
        except DatalakeError as end:
            self.end(end)
        else:
            self.next_at = now + self.pause

    def end(self, news: Seen | Exception) -> None:
        self.next_at = math.inf
        self.news.put_nowait(news)

    def hush(self, until: float) -> None:
        self.next_at = max(self.next_at, min(until, self.wait.deadline_at or math.inf))


class SharedPoller:
    """Polls the jobs of all waits on one connection for as long as there are any; lives in one event loop."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._watches: set[_Watch] = set()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._quiet_until = 0.0
        self._logs_left = _LOGS_PER_SECOND
        self._logs_counted_at = time.time()

    async def follow(self, wait: Wait, tail: Tail | None = None) -> AsyncIterator[Seen]:
        """Tell of a job whenever its status changes or its log grows, until it ended: then once more, and no more.

        Raises:
            JobWaitTimeoutError: the wait's deadline came first; the job goes on.
            AnswerError: the platform refused to tell (wrong token, unknown job).
            NetworkError, ServerError: polls failed for longer than the wait tolerates.
        """
        watch = _Watch(wait, tail, next_at=0.0)
        watch.hush(self._quiet_until)
        self._watches.add(watch)
        self._changed.set()
        self._keep_running()
        try:
            while True:
                news = await watch.news.get()
                if isinstance(news, Exception):
                    raise news
                yield news
                if news.job.status.is_terminal:
                    return
        finally:
            self._watches.discard(watch)
            self._changed.set()

    def _keep_running(self) -> None:
        if self._task is None or self._task.done():
            # The context of whoever came first, such as where its log lines go, is not that of the others.
            self._task = contextvars.Context().run(asyncio.get_running_loop().create_task, self._run())
            self._task.add_done_callback(self._ended)

    async def _run(self) -> None:
        async with AsyncSession(self.connection, pool_size=AT_ONCE) as session:
            looker = Looker(session)
            await asyncio.sleep(GATHER)
            while self._watches:
                await self._poll(looker)
                await self._pause()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task is not self._task:
            return
        error = RuntimeError("The shared poll was cancelled.") if task.cancelled() else task.exception()
        if error is None and self._watches:
            # They came while the session was being closed.
            self._keep_running()
            return
        pollers = _POLLERS.get(task.get_loop(), {})
        if pollers.get(self.connection) is self:
            del pollers[self.connection]
        # A wait that nobody polls any more would never end.
        for watch in self._watches:
            watch.end(error if isinstance(error, Exception) else RuntimeError(f"The shared poll ended: {error!r}"))

    async def _poll(self, looker: Looker) -> None:
        now = time.time()
        due = [watch for watch in self._watches if watch.is_due(now)]
        if not due:
            return
        wanted = {watch.wait.job_id for watch in due}
        found: dict[UUID, Job | DatalakeError]
        try:
            found = await looker.look(wanted)
        except DatalakeError as error:
            found = dict.fromkeys(wanted, error)
        now = time.time()
        await self._tell(looker, [watch for watch in due if self._take(watch, found[watch.wait.job_id], now)], now)

    def _take(self, watch: _Watch, answer: Job | DatalakeError, now: float) -> bool:
        """Take note of an answer; True when there is, or may be, something to tell of the job."""
        if isinstance(answer, TRANSIENT):
            self._hush(now + (getattr(answer, "retry_after", None) or 0.0))
            watch.rest(now, answer)
            return False
        if isinstance(answer, DatalakeError):
            watch.end(answer)
            return False
        watch.is_changed = watch.wait.seen is None or watch.wait.seen.status is not answer.status
        if not watch.wait.saw(answer):
            watch.rest(now)
        return watch.is_changed or (watch.tail is not None and watch.tail.is_due(answer, now))

    async def _tell(self, looker: Looker, watches: list[_Watch], now: float) -> None:
        # Those whose logs were not looked at for longest come first, for not all may be.
        watches.sort(key=lambda watch: watch.tail.looked_at if watch.tail else 0.0)
        for first in range(0, len(watches), AT_ONCE):
            await asyncio.gather(*(self._tell_one(looker, watch, now) for watch in watches[first : first + AT_ONCE]))

    async def _tell_one(self, looker: Looker, watch: _Watch, now: float) -> None:
        job, tail = watch.wait.seen, watch.tail
        if job is None:
            return
        lines: tuple[str, ...] = ()
        if tail is not None and tail.is_due(job, now) and self._may_read_log(job, now):
            lines = await looker.new_lines(job.id, tail, now)
        if job.status.is_terminal:
            watch.end(Seen(job, lines))
        elif lines or watch.is_changed:
            watch.news.put_nowait(Seen(job, lines))

    def _may_read_log(self, job: Job, now: float) -> bool:
        if job.status.is_terminal:
            return True
        earned = (now - self._logs_counted_at) * _LOGS_PER_SECOND
        self._logs_left = min(2 * _LOGS_PER_SECOND, self._logs_left + earned)
        self._logs_counted_at = now
        if self._logs_left < 1:
            return False
        self._logs_left -= 1
        return True

    def _hush(self, until: float) -> None:
        self._quiet_until = max(self._quiet_until, until)
        for watch in self._watches:
            watch.hush(until)

    async def _pause(self) -> None:
        self._changed.clear()
        if not self._watches:
            return
        pause = min(watch.next_at for watch in self._watches) - time.time()
        try:
            await asyncio.wait_for(self._changed.wait(), None if pause == math.inf else max(0.0, pause))
        except TimeoutError:
            return
        await asyncio.sleep(GATHER)


_POLLERS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Connection, SharedPoller]] = WeakKeyDictionary()


def shared_poller(connection: Connection) -> SharedPoller:
    """The poller of a connection in the running event loop; equal connections share one."""
    pollers = _POLLERS.setdefault(asyncio.get_running_loop(), {})
    return pollers.setdefault(connection, SharedPoller(connection))
