"""The loop that awaits the arrival of data, for triggers and async tasks; it holds no thread."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from datalake_ops.client import data
from datalake_ops.client.data import DataFilter, Window
from datalake_ops.config import Connection
from datalake_ops.errors import DatalakeError, DataWaitTimeoutError
from datalake_ops.waiting.arrival import Arrival, StableCount
from datalake_ops.waiting.blocking_wait import TRANSIENT
from datalake_ops.waiting.schedule import EARLY, GATHER, WaitSchedule
from datalake_ops.waiting.shared_queries import DataCount, shared_count


@dataclass(frozen=True)
class DataWait:
    """Wait for data of a lake: the filter, and the condition under which they are complete."""

    organization_id: UUID
    lake_id: UUID
    arrival: Arrival
    q: str | None = None
    custom_metadata: Mapping[str, Any] | None = None


async def await_data(
    connection: Connection,
    watch: DataWait,
    *,
    deadline_at: float | None = None,
    poll_interval: float | None = None,
    on_look: Callable[[StableCount], None] | None = None,
) -> StableCount:
    """Await the arrival of data; waits on one connection in one event loop share a session, and equal queries.

    Args:
        deadline_at: wall-clock time (seconds since the epoch) to stop waiting at; None waits for ever.
        poll_interval: seconds between polls; None lets them grow from 0.25 to 10 s.
        on_look: called with the count after every poll.

    Raises:
        DataWaitTimeoutError: the deadline came first.
        InvalidQueryError, AnswerError: the platform refused the query.
        NetworkError: the platform has not answered for five minutes.
    """
    progress = _ArrivalProgress(watch.arrival, WaitSchedule(None, poll_interval), deadline_at)
    question = data.list_page(watch.lake_id, DataFilter(watch.q, watch.custom_metadata), Window(limit=1))
    pause = GATHER
    async with shared_count(connection, watch.organization_id, question) as look:
        while True:
            problem: DatalakeError | None = None
            try:
                if progress.saw(await look(pause * EARLY)):
                    return progress.last_count
            except TRANSIENT as error:
                problem = error
            if on_look is not None and progress.seen is not None and problem is None:
                on_look(progress.seen)
            pause = progress.pause(problem)
            await asyncio.sleep(pause)


class _ArrivalProgress:
    """Progress of one wait for data: the last count, and the pause before the next poll."""

    def __init__(self, arrival: Arrival, schedule: WaitSchedule, deadline_at: float | None) -> None:
        self._arrival = arrival
        self._schedule = schedule
        self._deadline_at = deadline_at
        self._started_at = time.time()
        self._silent_since: float | None = None
        self.seen: StableCount | None = None

    @property
    def last_count(self) -> StableCount:
        """The count of the last poll."""
        return self.seen or StableCount(0, self._started_at)

    def saw(self, count: DataCount) -> bool:
        """Record a count; return True if the arrival was complete at that moment."""
        self._silent_since = None
        self.seen = self._arrival.saw(count.number, count.at, self.seen)
        return self._arrival.complete(self.seen, count.at)

    def pause(self, error: DatalakeError | None) -> float:
        """Seconds until the next poll; raises `error` when polls have failed for longer than is tolerated."""
        now = time.time()
        if error is not None:
            self._silent_since = self._silent_since or now
            if now - self._silent_since >= self._schedule.tolerated_silence:
                raise error
        left = None if self._deadline_at is None else self._deadline_at - now
        if left is not None and left <= 0:
            raise DataWaitTimeoutError(timeout_message(self._arrival, self.seen, now - self._started_at))
        retry_after = getattr(error, "retry_after", None)
        interval = self._schedule.interval(now - self._started_at, random.random(), retry_after)
        pause = interval if error is not None else self._arrival.pause(self.seen, now, interval)
        return pause if left is None else min(pause, left)


def timeout_message(arrival: Arrival, seen: StableCount | None, waited: float) -> str:
    """Text of the error for data that did not arrive in time."""
    if seen is None or seen.count < arrival.min_count:
        there = seen.count if seen else "never seen"
        return (
            f"After {waited:.0f} s {there} of {arrival.min_count} data had arrived. Wait longer, or look at the source."
        )
    return (
        f"After {waited:.0f} s {seen.count} data were there, and more had come within the last "
        f"{arrival.stable_for:.0f} s. Wait longer, or ask for a shorter stable_for."
    )
