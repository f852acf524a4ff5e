"""Pages by cursor, the next one on its way while one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from datalake_ops.wire.paging import Page

T = TypeVar("T")


def pages(fetch: Callable[[str | None], Page[T]], most: int | None = None) -> Iterator[Page[T]]:
    """Every page, from `fetch(None)` on, until one names no next cursor or is empty, or `most` items came.

    From the second page on the next one is fetched in a thread meanwhile: who reads one page only asks for one.
    """
    first = fetch(None)
    yield first
    left = None if most is None else most - len(first.items)
    if not first.next_cursor or not first.items or (left is not None and left <= 0):
        return
    # Loaded here, for most listings end with their first page.
    from concurrent.futures import ThreadPoolExecutor

    cursor: str | None = first.next_cursor
    del first
    with ThreadPoolExecutor(1, "datalake-ops-page") as ahead:
        coming = ahead.submit(fetch, cursor)
        while True:
            page = coming.result()
            cursor = page.next_cursor if page.items else None
            if left is not None and (left := left - len(page.items)) <= 0:
                cursor = None
            if cursor:
                coming = ahead.submit(fetch, cursor)
            yield page
            if not cursor:
                return
