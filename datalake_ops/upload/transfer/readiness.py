"""Wait at the end of an upload for data that the platform is still reading."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Protocol

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.data import get_data
from datalake_ops.concurrency.for_each import for_each
from datalake_ops.errors import DatalakeError
from datalake_ops.upload.reporting.report import FileReport
from datalake_ops.upload.reporting.rows import with_data
from datalake_ops.wire.log_lines import one_line

logger = logging.getLogger(__name__)
FIRST_DELAY = 0.5
LONGEST_DELAY = 8.0


def poll_delays(seconds: float) -> Iterator[float]:
    """Yield pauses between polls that add up to `seconds`: short at first, because small images are read quickly.

    Fewer in all than the official SDK's 30 polls, one every 5 s.
    """
    delay = FIRST_DELAY
    while seconds > 0:
        pause = min(delay, seconds)
        yield pause
        seconds -= pause
        delay = min(2 * delay, LONGEST_DELAY)


class Rows(Protocol):
    """Rows by index, as the report builder has them."""

    def row(self, index: int) -> FileReport:
        """Return the row of an index."""

    def add(self, index: int, row: FileReport) -> None:
        """Replace the row of an index."""

    def unready(self) -> list[int]:
        """Return the indices whose data the platform is still reading."""


async def await_ready(session: AsyncSession, rows: Rows, seconds: float, at_once: int) -> None:
    """Poll each data that is not ready until it is, for at most `seconds` in all, and replace its row.

    A data that is not ready then stays UPLOADED, is logged, and is in `UploadReport.unready`.
    """
    waiting = rows.unready()
    deadline = time.monotonic() + seconds

    async def poll(index: int) -> None:
        row = rows.row(index)
        if row.data is None or time.monotonic() > deadline:
            return
        try:
            row = with_data(row, await session.send(get_data(row.data.id)))
        except DatalakeError as error:
            logger.warning(
                "The status of data %s (%s) is unknown: %s", row.data and row.data.id, one_line(row.path), error
            )
            ended.add(index)
        else:
            rows.add(index, row)
            if row.data is not None and row.data.upload_status.is_terminal:
                ended.add(index)

    ended: set[int] = set()
    for pause in poll_delays(seconds):
        if not waiting:
            return
        await asyncio.sleep(pause)
        await for_each(waiting, poll, at_once)
        waiting = [index for index in waiting if index not in ended]
    if waiting:
        logger.warning(
            "%d uploaded data are not ready after %g s; the platform is still reading them.", len(waiting), seconds
        )
