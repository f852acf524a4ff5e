"""Group commit of journal steps from an event loop: what comes in during one write goes together into the next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from datalake_ops.upload.journal.steps import FileProgress, Journal, JournalError, Step

logger = logging.getLogger(__name__)


class JournalWriter:
    """Writer of a journal, in the order of the steps.

    The first failure is logged and kept in `failure`; nothing is written after it.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._queue: list[tuple[Step, asyncio.Future[None] | None]] = []
        self._writer: asyncio.Task[None] | None = None
        self.failure: str | None = None

    async def find(self, paths: Sequence[str]) -> dict[str, FileProgress]:
        """Return the progress of these files in earlier runs; unknown ones are absent."""
        return await asyncio.to_thread(self._journal.find, paths)

    def note(self, step: Step) -> None:
        """Queue a step, without waiting for the write."""
        self._put(step, None)

    async def keep(self, step: Step) -> None:
        """Write a step after everything queued before it; returns when it is written, or cannot be."""
        ended = asyncio.get_running_loop().create_future()
        self._put(step, ended)
        await ended

    async def close(self) -> None:
        """Write what is queued, and close the journal."""
        if self._writer is not None:
            await self._writer
        try:
            await asyncio.to_thread(self._journal.close)
        except Exception:
            logger.exception("The journal could not be closed.")

    def _put(self, step: Step, ended: asyncio.Future[None] | None) -> None:
        self._queue.append((step, ended))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.ensure_future(self._write_all())

    async def _write_all(self) -> None:
        while self._queue:
            batch, self._queue = self._queue, []
            try:
                if self.failure is None:
                    await asyncio.to_thread(self._journal.write, [step for step, _ in batch])
            except JournalError as error:
                self._give_up(str(error))
            # Whatever broke it, others wait for the end of this write, and the report is worth more than the journal.
            except Exception as error:
                logger.exception("The journal failed unexpectedly.")
                self._give_up(f"the journal failed unexpectedly ({type(error).__name__}: {error})")
            finally:
                for _, ended in batch:
                    if ended is not None and not ended.done():
                        ended.set_result(None)

    def _give_up(self, reason: str) -> None:
        self.failure = reason
        logger.warning("The upload goes on, but cannot be resumed from here: %s.", reason)
