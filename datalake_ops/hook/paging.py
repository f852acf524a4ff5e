"""Pages by cursor, with read-ahead: while one is read into values, the next one is requested."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from datalake_ops.wire.paging import Page, likely_cursor

if TYPE_CHECKING:
    from datalake_ops.client.response_handling import Unread

T = TypeVar("T")
# Reading a page is one call that keeps Python's lock, so the next request must be out before it begins.
_HEAD_START = 0.001


def pages(fetch: Callable[[str | None], Unread[Page[T]]], size: int, most: int | None = None) -> Iterator[Page[T]]:
    """Iterate over pages of `size` items, until one has no next cursor or is empty, or `most` items came.

    From the second page on the next one is fetched while the last is read, since its cursor can be seen without reading
    all of it. A reader that stops at the first page causes no further request. Only bytes come from the other thread:
    values that one thread makes and another frees cost twice the time.
    """
    left, unread, going_on = most, fetch(None), False
    while True:
        guess = likely_cursor(unread.body) if going_on and (left is None or left > size) else None
        ahead = _Ahead(fetch, guess) if guess else None
        page = unread.read()
        cursor = page.next_cursor
        left = None if left is None else left - len(page.items)
        ends = not cursor or not page.items or (left is not None and left <= 0)
        yield page
        # Only one page of values is held at a time.
        del page
        if ends:
            return
        unread = ahead.result() if ahead is not None and cursor == guess else fetch(cursor)
        going_on = True


class _Ahead(Generic[T]):
    """Page that is fetched in a thread of its own; an error is raised where the page is read."""

    def __init__(self, fetch: Callable[[str | None], Unread[Page[T]]], cursor: str) -> None:
        self._fetch, self._cursor = fetch, cursor
        self._unread: Unread[Page[T]] | None = None
        self._error: Exception | None = None
        # Log handlers of orchestrators find the task in the caller's context.
        context = contextvars.copy_context()
        # A daemon: a listing that is left does not wait for it.
        self._thread = threading.Thread(
            target=context.run, args=(self._run,), name="datalake-ops-next-page", daemon=True
        )
        self._thread.start()
        self._thread.join(_HEAD_START)

    def result(self) -> Unread[Page[T]]:
        """Return the page; blocks until it has come."""
        self._thread.join()
        if self._unread is None:
            raise self._error or RuntimeError("The thread that fetches the next page was stopped.")
        return self._unread

    def _run(self) -> None:
        try:
            self._unread = self._fetch(self._cursor)
        except Exception as error:  # noqa: BLE001 # Raised again by `result`.
            self._error = error
