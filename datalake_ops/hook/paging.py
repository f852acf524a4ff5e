"""Pages by cursor, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from datalake_ops.wire.paging import Page

T = TypeVar("T")


def pages(fetch: Callable[[str | None], Page[T]], most: int | None = None) -> Iterator[Page[T]]:
    """Every page, from `fetch(None)` on, until one names no next cursor or is empty, or `most` items came.

    No page is fetched ahead: measured, values that one thread makes and another lets go cost twice the time of making
    them, which is more than the overlap wins.
    """
    left, cursor = most, None
    while True:
        page = fetch(cursor)
        yield page
        cursor = page.next_cursor
        left = None if left is None else left - len(page.items)
        if not cursor or not page.items or (left is not None and left <= 0):
            return
        # Only one page of values is held at a time.
        del page
