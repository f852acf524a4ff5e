"""Prefetch of an upload: while one group of files is sent, the next is compared and opened in a worker thread."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from datalake_ops.errors import DatalakeError, UnsupportedFileError
from datalake_ops.upload.dedup.tracker import UploadTracker
from datalake_ops.upload.options import Unsupported
from datalake_ops.upload.prepare import PreparedFile, prepare
from datalake_ops.upload.reporting.report import FileReport
from datalake_ops.upload.reporting.rows import failed_row, of_manifest, unsupported_row
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import Entry
from datalake_ops.wire.log_lines import one_line

logger = logging.getLogger(__name__)
T = TypeVar("T")
# Limits of a group of files that is opened at once: files, bytes of small files that are held then, and seconds.
GROUP_FILES = 64
GROUP_BYTES = 8 * 1024 * 1024
GROUP_SECONDS = 0.25


@dataclass(frozen=True)
class FinishedEntry:
    """Entry that is not sent, with its row."""

    index: int
    row: FileReport


Prefetched = PreparedFile | FinishedEntry


class Prefetcher:
    """Lazy window over the entries of an upload: a window is compared with the lake, groups of it are opened."""

    def __init__(
        self,
        entries: Iterable[Entry],
        request: UploadRequest,
        tracker: UploadTracker,
        outage: Callable[[], Exception | None],
        presign: Callable[[Sequence[PreparedFile]], Awaitable[None]] | None = None,
    ) -> None:
        """Prepare a window over `entries`.

        Args:
            outage: Returns the error because of which nothing can be sent any more; files then fail unopened.
            presign: Awaited with each group of open files before it is handed out.
        """
        self._presign = presign
        self._outage = outage
        self._entries: Iterator[Entry] = iter(entries)
        self._request = request
        self._tracker = tracker

    async def items(self) -> AsyncGenerator[Prefetched, None]:
        """Yield files to send and entries that are not sent, roughly in input order."""
        async with aclosing(_read_ahead(self._groups())) as groups:
            async for group in groups:
                for item in group:
                    yield item

    async def _groups(self) -> AsyncGenerator[list[Prefetched], None]:
        async with aclosing(_read_ahead(self._windows())) as windows:
            async for finished, remaining in windows:
                if finished:
                    yield finished
                entries = iter(remaining)
                while group := await asyncio.to_thread(self._open_group, entries):
                    for item in group:
                        if isinstance(item, FinishedEntry):
                            self._tracker.forget(item.index)
                    if self._presign is not None:
                        await self._presign([item for item in group if isinstance(item, PreparedFile)])
                    yield group

    async def _windows(self) -> AsyncGenerator[tuple[list[Prefetched], list[Entry]], None]:
        size = self._tracker.batch
        while window := await asyncio.to_thread(lambda: list(islice(self._entries, size))):
            yield await self._compare(window)

    async def _compare(self, window: list[Entry]) -> tuple[list[Prefetched], list[Entry]]:
        try:
            rows = await self._tracker.precheck(window)
        except DatalakeError as error:
            return _all_failed(window, error), []
        except Exception as error:
            logger.exception("The comparison of %d files with the lake failed unexpectedly.", len(window))
            return _all_failed(window, error), []
        pairs = list(zip(window, rows, strict=True))
        finished: list[Prefetched] = [_finished(entry, row) for entry, row in pairs if row is not None]
        return finished, [entry for entry, row in pairs if row is None]

    def _open_group(self, entries: Iterator[Entry]) -> list[Prefetched]:
        group: list[Prefetched] = []
        held, until = 0, time.monotonic() + GROUP_SECONDS
        while len(group) < GROUP_FILES and held < GROUP_BYTES and (not group or time.monotonic() < until):
            entry = next(entries, None)
            if entry is None:
                break
            item = self._open(entry)
            group.append(item)
            if isinstance(item, PreparedFile) and item.file.content is not None:
                held += item.file.size
        return group

    def _open(self, entry: Entry) -> Prefetched:
        if (reason := self._outage()) is not None:
            return _finished(entry, failed_row(entry.path, reason))
        try:
            return prepare(entry, self._request)
        except UnsupportedFileError as error:
            leave_out = self._request.options.unsupported == Unsupported.SKIP
            return _finished(entry, (unsupported_row if leave_out else failed_row)(entry.path, error))
        except DatalakeError as error:
            return _finished(entry, failed_row(entry.path, error))
        except Exception as error:
            # An unforeseen error costs this file, with its traceback in the log, and not the report of the others.
            logger.exception("The upload of %s failed unexpectedly.", one_line(entry.path))
            return _finished(entry, failed_row(entry.path, error))


def _finished(entry: Entry, row: FileReport) -> FinishedEntry:
    return FinishedEntry(entry.index, of_manifest(row, entry.manifest))


def _all_failed(window: list[Entry], error: Exception) -> list[Prefetched]:
    return [_finished(entry, failed_row(entry.path, error)) for entry in window]


async def _read_ahead(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Yield the same items, while the next one is being made."""

    async def next_item() -> list[T]:
        async for item in items:
            return [item]
        return []

    pending = asyncio.ensure_future(next_item())
    try:
        while item := await pending:
            pending = asyncio.ensure_future(next_item())
            yield item[0]
    finally:
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)
        await items.aclose()
