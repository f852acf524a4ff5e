"""The lazy window over what is to be uploaded: a chunk is looked at in a worker thread while another is under way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

from datalake_ops.errors import DatalakeError
from datalake_ops.upload.ledger import Action, Decision, Ledger
from datalake_ops.upload.prepare import Prepared, prepare
from datalake_ops.upload.report import FileReport, FileStatus
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.rows import failed_row
from datalake_ops.upload.source import Entry

logger = logging.getLogger(__name__)
# The first chunk is small so that sending starts at once.
FIRST_CHUNK = 16
# Bytes of small files, read whole already, that one chunk may hold.
HELD_BYTES = 8 * 1024 * 1024
# Seconds of looking at files after which a chunk goes on as it is.
LONGEST_LOOK = 0.5


@dataclass(frozen=True)
class Errand:
    """One file to send, and how."""

    prepared: Prepared
    decision: Decision


Fed = Errand | tuple[int, FileReport]


class Feed:
    """Takes entries from their iterator as they are needed; never more than two chunks of them are held."""

    def __init__(self, entries: Iterable[Entry], request: UploadRequest, ledger: Ledger) -> None:
        self._entries: Iterator[Entry] = iter(entries)
        self._request = request
        self._ledger = ledger
        self._size = min(FIRST_CHUNK, ledger.batch)

    async def __aiter__(self) -> AsyncIterator[Fed]:
        """Errands in input order; files that need no sending (failed, skipped) come as their index and row."""
        coming = asyncio.ensure_future(self._chunk())
        try:
            while chunk := await coming:
                coming = asyncio.ensure_future(self._chunk())
                for one in chunk:
                    yield one
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    def rest(self) -> Iterator[Entry]:
        """The entries nobody took, for a run that ends early."""
        return self._entries

    async def _chunk(self) -> list[Fed]:
        looked = await asyncio.to_thread(self._look, self._size)
        self._size = min(2 * self._size, self._ledger.batch)
        files = [one for one in looked if isinstance(one, Prepared)]
        decisions = iter(await self._ledger.before(files)) if files else iter(())
        return [_fed(one, next(decisions)) if isinstance(one, Prepared) else one for one in looked]

    def _look(self, count: int) -> list[Prepared | tuple[int, FileReport]]:
        looked: list[Prepared | tuple[int, FileReport]] = []
        held, until = 0, time.monotonic() + LONGEST_LOOK
        while len(looked) < count and held < HELD_BYTES and (not looked or time.monotonic() < until):
            entry = next(self._entries, None)
            if entry is None:
                break
            one = self._look_at(entry)
            looked.append(one)
            if isinstance(one, Prepared) and one.file.content is not None:
                held += one.file.size
        return looked

    def _look_at(self, entry: Entry) -> Prepared | tuple[int, FileReport]:
        try:
            return prepare(entry, self._request)
        except DatalakeError as error:
            return entry.index, failed_row(entry.path, error)
        except Exception as error:
            logger.exception("The upload of %s failed unexpectedly.", entry.path)
            return entry.index, failed_row(entry.path, error)


def _fed(file: Prepared, decision: Decision) -> Fed:
    if decision.action is Action.SKIP:
        return file.entry.index, FileReport(file.entry.path, FileStatus.SKIPPED, data=decision.data)
    if decision.action is Action.REFUSE:
        error = decision.error or RuntimeError("it was refused without a reason")
        return file.entry.index, failed_row(file.entry.path, error)
    return Errand(file, decision)
