"""Change feed from a lake's newest data, for a platform that keeps no log of changes.

Listings come newest first. The cursor is the ids of the newest data that were delivered: what stands above the last of
them and is not one of them is new, whatever the clocks say, also data with equal times that come in late. Data are
delivered after a while, when their tags are put on and their files are read; a tag that is put on later is not seen.
"""

from __future__ import annotations

import json
import time
from collections import deque
from uuid import UUID

from datalake_ops.client import data
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.data import DataFilter, Window
from datalake_ops.errors import ConfigurationError
from datalake_ops.waiting.blocking_wait import ONE_TRY
from datalake_ops.wire.changes import ChangedData, ChangePage
from datalake_ops.wire.data import Data, UploadStatus
from datalake_ops.wire.paging import PAGE_SIZE

# Data are delivered this many seconds after they were first seen.
SETTLE_SECONDS = 30.0
# Seconds after which a file that the platform still reads holds back no others.
_PATIENCE_SECONDS = 600.0
# Several anchors, since any of them may be deleted.
_ANCHORS = 50
# Pages to read at most, when every anchor was deleted.
_PAGES = 100


class NewestDataFeed:
    """The newest data of a lake, seen over an open session; `settle` is in seconds."""

    def __init__(self, session: AsyncSession, lake: UUID, settle: float | None = None) -> None:
        self._session = session
        self._lake = lake
        self._settle = SETTLE_SECONDS if settle is None else settle
        # Heads of the listing with their times; data up to the last one that is old enough are delivered.
        self._heads: deque[tuple[float, tuple[str, ...]]] = deque()
        self._held_since: float | None = None

    async def page(self, cursor: str | None, until: str | None = None) -> ChangePage:
        """Data that were added after a cursor, oldest first; without one, only the cursor of the newest data."""
        now = time.monotonic()
        head = await self._head(now)
        if cursor is None:
            return ChangePage(cursor=_write(head))
        end = self._settled(now) if until is None else _read(until)
        told = _read(cursor)
        if end is None or end == told:
            return ChangePage(cursor=cursor)
        found, lost = await self._between(told, end)
        if until is None and self._held(found, now):
            return ChangePage(cursor=cursor)
        new = tuple(
            ChangedData(id=one.id, became_ready=True) for one in found if one.upload_status is UploadStatus.DONE
        )
        return ChangePage(data=new, cursor=_write(end), lost=lost)

    async def _head(self, now: float) -> tuple[str, ...]:
        page = await self._session.send(data.list_page(self._lake, DataFilter(), Window(_ANCHORS)), ONE_TRY)
        head = tuple(str(one.id) for one in page.items)
        if not self._heads or self._heads[-1][1] != head:
            self._heads.append((now, head))
        return head

    def _settled(self, now: float) -> tuple[str, ...] | None:
        """The newest head that is old enough; older ones are forgotten."""
        found = [head for seen_at, head in self._heads if now - seen_at >= self._settle]
        while len(self._heads) > 1 and now - self._heads[1][0] >= self._settle:
            self._heads.popleft()
        return found[-1] if found else None

    def _held(self, found: list[Data], now: float) -> bool:
        """Return True if files that the platform still reads hold the page back."""
        if all(one.upload_status.is_terminal for one in found):
            self._held_since = None
            return False
        self._held_since = self._held_since or now
        return now - self._held_since < _PATIENCE_SECONDS

    async def _between(self, told: tuple[str, ...], end: tuple[str, ...]) -> tuple[list[Data], bool]:
        """Data from the head `end` down to the last of the anchors, oldest first; and whether no anchor was met."""
        known, top = set(told), set(end)
        found: list[Data] = []
        last_anchor = 0
        begun, cursor = not end, None
        for _ in range(_PAGES):
            window = Window(PAGE_SIZE, cursor=cursor)
            page = await self._session.send(data.list_page(self._lake, DataFilter(), window), ONE_TRY)
            for one in page.items:
                begun = begun or str(one.id) in top
                if str(one.id) in known:
                    last_anchor = len(found)
                    known.discard(str(one.id))
                elif begun:
                    found.append(one)
            cursor = page.next_cursor
            if not cursor or (told and len(known) < len(told)):
                break
        lost = bool(told) and len(known) == len(told)
        # Data below the last anchor that was met were there before.
        kept = found[:last_anchor] if told and not lost else ([] if lost else found)
        return kept[::-1], lost


def _write(head: tuple[str, ...]) -> str:
    return json.dumps(list(head))


def _read(cursor: str) -> tuple[str, ...]:
    try:
        value = json.loads(cursor)
    except ValueError as error:
        raise ConfigurationError(f"{cursor!r} is no cursor of a listing.") from error
    if not isinstance(value, list):
        raise ConfigurationError(f"{cursor!r} is no cursor of a listing: it is one of a log of changes.")
    return tuple(map(str, value))
