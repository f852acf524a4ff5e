"""The lazy window over what is to be uploaded: one chunk is looked at in a worker thread while another is sent."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from datalake_ops.errors import DatalakeError
from datalake_ops.upload.dedup.tracker import Decision, UploadTracker, settled_row
from datalake_ops.upload.prepare import Prepared, prepare
from datalake_ops.upload.reporting.report import FileReport
from datalake_ops.upload.reporting.rows import failed_row
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import Entry

logger = logging.getLogger(__name__)
T = TypeVar("T")
# Files looked at in one go, the bytes of small ones that are held then, and the seconds after which it is enough.
LOOK_COUNT = 64
HELD_BYTES = 8 * 1024 * 1024
LONGEST_LOOK = 0.25


@dataclass(frozen=True)
class Settled:
    """An entry that needs no sending: its row is known."""

    index: int
    row: FileReport


Fed = Prepared | Settled


class Prefetcher:
    """Takes entries from their iterator as they are needed: a window of them is screened, a few are looked at."""

    def __init__(
        self,
        entries: Iterable[Entry],
        request: UploadRequest,
        ledger: UploadTracker,
        lost: Callable[[], Exception | None],
    ) -> None:
        """`lost()` tells why nothing can be sent any more; what comes then is not looked at, and fails for that."""
        self._lost = lost
        self._entries: Iterator[Entry] = iter(entries)
        self._request = request
        self._ledger = ledger

    async def items(self) -> AsyncGenerator[Fed, None]:
        """Files to send and entries that need none, roughly in input order."""
        async with aclosing(_ahead(self._groups())) as groups:
            async for group in groups:
                for one in group:
                    yield one

    async def _groups(self) -> AsyncGenerator[list[Fed], None]:
        async with aclosing(_ahead(self._windows())) as windows:
            async for settled, left in windows:
                if settled:
                    yield settled
                entries = iter(left)
                while group := await asyncio.to_thread(self._look, entries):
                    for one in group:
                        if isinstance(one, Settled):
                            self._ledger.forget(one.index)
                    yield group

    async def _windows(self) -> AsyncGenerator[tuple[list[Fed], list[Entry]], None]:
        size = self._ledger.batch
        while window := await asyncio.to_thread(lambda: list(islice(self._entries, size))):
            yield await self._screen(window)

    async def _screen(self, window: list[Entry]) -> tuple[list[Fed], list[Entry]]:
        try:
            decisions = await self._ledger.screen(window)
        except DatalakeError as error:
            return _all_failed(window, error), []
        except Exception as error:
            logger.exception("The look at %d files failed unexpectedly.", len(window))
            return _all_failed(window, error), []
        pairs = list(zip(window, decisions, strict=True))
        settled: list[Fed] = [_settled(entry, decision) for entry, decision in pairs if decision is not None]
        return settled, [entry for entry, decision in pairs if decision is None]

    def _look(self, entries: Iterator[Entry]) -> list[Fed]:
        looked: list[Fed] = []
        held, until = 0, time.monotonic() + LONGEST_LOOK
        while len(looked) < LOOK_COUNT and held < HELD_BYTES and (not looked or time.monotonic() < until):
            entry = next(entries, None)
            if entry is None:
                break
            one = self._look_at(entry)
            looked.append(one)
            if isinstance(one, Prepared) and one.file.content is not None:
                held += one.file.size
        return looked

    def _look_at(self, entry: Entry) -> Fed:
        if (reason := self._lost()) is not None:
            return Settled(entry.index, failed_row(entry.path, reason))
        try:
            return prepare(entry, self._request)
        except DatalakeError as error:
            return Settled(entry.index, failed_row(entry.path, error))
        except Exception as error:
            # What nobody foresaw costs this file, with its traceback in the log, and not the report of the others.
            logger.exception("The upload of %s failed unexpectedly.", entry.path)
            return Settled(entry.index, failed_row(entry.path, error))


def _all_failed(window: list[Entry], error: Exception) -> list[Fed]:
    return [Settled(entry.index, failed_row(entry.path, error)) for entry in window]


def _settled(entry: Entry, decision: Decision) -> Settled:
    row = settled_row(entry.path, decision)
    return Settled(entry.index, row or failed_row(entry.path, RuntimeError(f"screened as {decision.action.value}")))


async def _ahead(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The same items, with the next one under way while one is used."""

    async def following() -> list[T]:
        async for item in items:
            return [item]
        return []

    coming = asyncio.ensure_future(following())
    try:
        while found := await coming:
            coming = asyncio.ensure_future(following())
            yield found[0]
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await items.aclose()
