"""Bounded concurrent iteration over items."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


async def for_each(items: Iterable[T], work: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """Run `work` for every item, at most `at_once` at a time; the next item is taken only when one has ended.

    The first exception cancels the rest, and is raised when they have stopped.
    """
    queue = iter(items)
    workers = [asyncio.ensure_future(_drain(queue, work)) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _drain(queue: Iterator[T], work: Callable[[T], Awaitable[None]]) -> None:
    for item in queue:
        await work(item)
