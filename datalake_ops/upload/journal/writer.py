"""Writes a journal from an event loop: what comes in while one write is under way goes together in the next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from datalake_ops.upload.journal.steps import FileProgress, Journal, JournalError, Step

logger = logging.getLogger(__name__)


class JournalWriter:
    """Hands steps to a journal in order.

    A journal that fails is told once in the log and in `broken`, and is not written any more.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._queue: list[tuple[Step, asyncio.Future[None] | None]] = []
        self._writer: asyncio.Task[None] | None = None
        self.broken: str | None = None

    async def find(self, paths: Sequence[str]) -> dict[str, FileProgress]:
        """What earlier runs knew of these files."""
        return await asyncio.to_thread(self._journal.find, paths)

    def note(self, step: Step) -> None:
        """Keep a step soon; nothing waits for it."""
        self._put(step, None)

    async def keep(self, step: Step) -> None:
        """Keep a step, after everything noted before it; returns when it is kept, or cannot be."""
        ended = asyncio.get_running_loop().create_future()
        self._put(step, ended)
        await ended

    async def close(self) -> None:
        """Keep what is left, and let go of the journal."""
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
                if self.broken is None:
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
        self.broken = reason
        logger.warning("The upload goes on, but cannot be resumed from here: %s.", reason)
