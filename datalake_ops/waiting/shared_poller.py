"""Shared poller: one loop that polls all jobs that are awaited on one connection."""

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
from datalake_ops.waiting.blocking_wait import TRANSIENT, JobWait
from datalake_ops.waiting.job_lookup import AT_ONCE, JobLookup
from datalake_ops.waiting.log_tail import LogTail
from datalake_ops.waiting.schedule import EARLY, GATHER
from datalake_ops.wire.jobs import Job

# Requests for logs of jobs that go on, together per second: one request serves one job.
_LOGS_PER_SECOND = 2.0


@dataclass(frozen=True)
class JobUpdate:
    """Result of a poll: the job, and new lines of its log where they were requested."""

    job: Job
    lines: tuple[str, ...] = ()


@dataclass(eq=False)
class _Subscription:
    wait: JobWait
    tail: LogTail | None
    next_at: float
    pause: float = 0.0
    is_changed: bool = False
    updates: asyncio.Queue[JobUpdate | Exception] = field(default_factory=asyncio.Queue)

    def is_due(self, now: float) -> bool:
        return self.next_at - now <= self.pause * EARLY

    def reschedule(self, now: float, error: DatalakeError | None = None) -> None:
        try:
            self.pause = self.wait.pause(error)
        except DatalakeError as end:
            self.end(end)
        else:
            self.next_at = now + self.pause

    def end(self, update: JobUpdate | Exception) -> None:
        self.next_at = math.inf
        self.updates.put_nowait(update)

    def pause_until(self, until: float) -> None:
        self.next_at = max(self.next_at, min(until, self.wait.deadline_at or math.inf))


class SharedPoller:
    """Polls the jobs of all waits on one connection for as long as there are any; lives in one event loop."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._subscriptions: set[_Subscription] = set()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._quiet_until = 0.0
        self._logs_left = _LOGS_PER_SECOND
        self._logs_counted_at = time.time()

    async def follow(self, wait: JobWait, tail: LogTail | None = None) -> AsyncIterator[JobUpdate]:
        """Yield a job whenever its status changes or its log grows; the ended job is the last value.

        Raises:
            JobWaitTimeoutError: the wait's deadline came first; the job goes on.
            AnswerError: the platform refused the request (wrong token, unknown job).
            NetworkError, ServerError: polls failed for longer than the wait tolerates.
        """
        subscription = _Subscription(wait, tail, next_at=0.0)
        subscription.pause_until(self._quiet_until)
        self._subscriptions.add(subscription)
        self._changed.set()
        self._keep_running()
        try:
            while True:
                update = await subscription.updates.get()
                if isinstance(update, Exception):
                    raise update
                yield update
                if update.job.status.is_terminal:
                    return
        finally:
            self._subscriptions.discard(subscription)
            self._changed.set()

    def _keep_running(self) -> None:
        if self._task is None or self._task.done():
            # The context of the first wait, such as the destination of its log lines, is not that of the others.
            self._task = contextvars.Context().run(asyncio.get_running_loop().create_task, self._run())
            self._task.add_done_callback(self._ended)

    async def _run(self) -> None:
        async with AsyncSession(self.connection, pool_size=AT_ONCE) as session:
            lookup = JobLookup(session)
            await asyncio.sleep(GATHER)
            while self._subscriptions:
                await self._poll(lookup)
                await self._pause()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task is not self._task:
            return
        error = RuntimeError("The shared poll was cancelled.") if task.cancelled() else task.exception()
        if error is None and self._subscriptions:
            # Waits that began while the session was being closed.
            self._keep_running()
            return
        pollers = _POLLERS.get(task.get_loop(), {})
        if pollers.get(self.connection) is self:
            del pollers[self.connection]
        # A wait that nobody polls any more would never end.
        for subscription in self._subscriptions:
            subscription.end(
                error if isinstance(error, Exception) else RuntimeError(f"The shared poll ended: {error!r}")
            )

    async def _poll(self, lookup: JobLookup) -> None:
        now = time.time()
        due = [subscription for subscription in self._subscriptions if subscription.is_due(now)]
        if not due:
            return
        wanted = {subscription.wait.job_id for subscription in due}
        found: dict[UUID, Job | DatalakeError]
        try:
            found = await lookup.look(wanted)
        except DatalakeError as error:
            found = dict.fromkeys(wanted, error)
        now = time.time()
        updated = [one for one in due if self._record(one, found[one.wait.job_id], now)]
        await self._deliver(lookup, updated, now)

    def _record(self, subscription: _Subscription, answer: Job | DatalakeError, now: float) -> bool:
        """Record an answer; return True if there is, or may be, an update to deliver."""
        if isinstance(answer, TRANSIENT):
            self._pause_all(now + (getattr(answer, "retry_after", None) or 0.0))
            subscription.reschedule(now, answer)
            return False
        if isinstance(answer, DatalakeError):
            subscription.end(answer)
            return False
        subscription.is_changed = subscription.wait.seen is None or subscription.wait.seen.status is not answer.status
        if not subscription.wait.saw(answer):
            subscription.reschedule(now)
        return subscription.is_changed or (subscription.tail is not None and subscription.tail.is_due(answer, now))

    async def _deliver(self, lookup: JobLookup, subscriptions: list[_Subscription], now: float) -> None:
        # The logs that were not requested for longest come first: the rate may not suffice for all.
        subscriptions.sort(key=lambda subscription: subscription.tail.requested_at if subscription.tail else 0.0)
        for first in range(0, len(subscriptions), AT_ONCE):
            some = subscriptions[first : first + AT_ONCE]
            await asyncio.gather(*(self._deliver_one(lookup, one, now) for one in some))

    async def _deliver_one(self, lookup: JobLookup, subscription: _Subscription, now: float) -> None:
        job, tail = subscription.wait.seen, subscription.tail
        if job is None:
            return
        lines: tuple[str, ...] = ()
        if tail is not None and tail.is_due(job, now) and self._may_read_log(job, now):
            lines = await lookup.new_lines(job.id, tail, now)
        if job.status.is_terminal:
            subscription.end(JobUpdate(job, lines))
        elif lines or subscription.is_changed:
            subscription.updates.put_nowait(JobUpdate(job, lines))

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

    def _pause_all(self, until: float) -> None:
        self._quiet_until = max(self._quiet_until, until)
        for subscription in self._subscriptions:
            subscription.pause_until(until)

    async def _pause(self) -> None:
        self._changed.clear()
        if not self._subscriptions:
            return
        pause = min(subscription.next_at for subscription in self._subscriptions) - time.time()
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
