"""The one wait at the end of an upload, for data that the platform is still reading."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.data import get_data
from datalake_ops.errors import DatalakeError
from datalake_ops.upload.bounded import for_each
from datalake_ops.upload.report import FileReport
from datalake_ops.upload.transfer import with_data

logger = logging.getLogger(__name__)
FIRST_DELAY = 0.5
LONGEST_DELAY = 8.0


def poll_delays(seconds: float) -> Iterator[float]:
    """Pauses between polls that add up to `seconds`: short at first, for small images are read quickly.

    Fewer in all than the official SDK's 30 polls, one every 5 s.
    """
    delay = FIRST_DELAY
    while seconds > 0:
        pause = min(delay, seconds)
        yield pause
        seconds -= pause
        delay = min(2 * delay, LONGEST_DELAY)


async def await_ready(session: AsyncSession, rows: list[FileReport], seconds: float, at_once: int) -> None:
    """Poll each data that is not ready until it is, for at most `seconds` in all; replaces rows in place.

    A data that is still not ready then stays UPLOADED, as it truly is, and is told in the log and in
    `UploadReport.unready`.
    """
    waiting = [index for index, row in enumerate(rows) if row.data and not row.data.upload_status.is_terminal]
    deadline = time.monotonic() + seconds

    async def look(index: int) -> None:
        data = rows[index].data
        if data is None or time.monotonic() > deadline:
            return
        try:
            rows[index] = with_data(rows[index], await session.send(get_data(data.id)))
        except DatalakeError as error:
            logger.warning("The state of data %s (%s) is unknown: %s", data.id, rows[index].path, error)
            lost.add(index)

    lost: set[int] = set()
    for pause in poll_delays(seconds):
        if not waiting:
            return
        await asyncio.sleep(pause)
        await for_each(waiting, look, at_once)
        waiting = [index for index in waiting if index not in lost and not _is_ready(rows[index])]
    if waiting:
        logger.warning(
            "%d uploaded data are not ready after %g s; the platform still reads them.", len(waiting), seconds
        )


def _is_ready(row: FileReport) -> bool:
    return row.data is not None and row.data.upload_status.is_terminal
