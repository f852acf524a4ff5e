"""Task pool whose size changes while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class TaskPool:
    """Task pool of at most `limit()` coroutines, asked before each start.

    The first exception of one of them cancels the others and is raised by `start` or `finish`.
    """

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._running: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._error: BaseException | None = None

    async def start(self, work: Callable[[T], Coroutine[Any, Any, None]], item: T) -> None:
        """Start `work(item)` as soon as the limit allows."""
        while len(self._running) >= self._limit() and self._error is None:
            self._ended.clear()
            await self._ended.wait()
        if self._error is not None:
            raise self._error
        task = asyncio.ensure_future(work(item))
        self._running.add(task)
        task.add_done_callback(self._end)

    def wake(self) -> None:
        """Check the limit again: it may have grown."""
        self._ended.set()

    async def finish(self) -> None:
        """Wait for all tasks."""
        while self._running and self._error is None:
            self._ended.clear()
            await self._ended.wait()
        if self._error is not None:
            raise self._error

    async def stop(self) -> None:
        """Cancel the running tasks, and wait until they have cleaned up."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._error = self._error or task.exception()
        self._ended.set()
