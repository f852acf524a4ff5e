"""One pass over the images of a job: they are downloaded, and worked on by threads, while others are on their way."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.concurrency import loop_thread
from datalake_ops.concurrency.limiter import Limiter
from datalake_ops.download.downloader import fetch_data
from datalake_ops.download.local_names import local_names
from datalake_ops.errors import DatalakeError
from datalake_ops.lake import Lake
from datalake_ops.processings.contract import Task, log
from datalake_ops.wire.data import Data, DataType, UploadStatus

R = TypeVar("R")
# Images that are under way, and downloads at once: few, so that the first image comes early and the threads get work.
_UNDER_WAY = 32
_DOWNLOADS = 8


@dataclass(frozen=True)
class FetchedImage:
    """Data with its downloaded file, or the reason that it has none."""

    data: Data
    path: Path | None
    problem: str = ""


class ImageRun:
    """Means of the work on one image: its download, the threads, and the session with the platform."""

    def __init__(self, session: AsyncSession, lake: Lake, folder: Path, threads: ThreadPoolExecutor) -> None:
        self.session = session
        self.lake = lake
        self._folder = folder
        self._threads = threads
        self._downloads = asyncio.Semaphore(_DOWNLOADS)

    async def fetch(self, data: Data) -> FetchedImage:
        """Download an image; one that is none, or cannot be had, comes without a file and with the reason."""
        if problem := unusable_reason(data):
            return FetchedImage(data, None, problem)
        target = self._folder / local_names([data], use_id=True)[0]
        async with self._downloads:
            try:
                await fetch_data(self.session, data, target)
            except (DatalakeError, OSError) as error:
                log(f"Data {data.id} ({data.filename}) could not be downloaded: {error}")
                return FetchedImage(data, None, "could not be downloaded")
        return FetchedImage(data, target)

    async def compute(self, work: Callable[[Path], R], image: Path) -> R:
        """Call `work` with a downloaded file in one of the threads, and delete the file."""

        def work_and_delete() -> R:
            try:
                return work(image)
            finally:
                image.unlink(missing_ok=True)

        return await asyncio.get_running_loop().run_in_executor(self._threads, work_and_delete)


Work = Callable[[ImageRun, Data], Awaitable[R]]


def process_images(task: Task, work: Work[R], on_result: Callable[[Data, R], None]) -> None:
    """Run `work` on each data of a job, many at a time; `on_result` gets the results in the order of the data."""
    loop_thread.run(lambda: _run(task, work, on_result))


def unusable_reason(data: Data) -> str:
    """Reason that a data is no image to work on; empty where it is one."""
    if data.type is DataType.VIDEO:
        return "is a video; only images are processed"
    if data.upload_status is UploadStatus.ERROR:
        return "could not be read by the platform"
    return ""


async def _run(task: Task, work: Work[R], on_result: Callable[[Data, R], None]) -> None:
    connection, lake = task.connection, task.lake
    gate = Limiter(_UNDER_WAY, connection.retry.budget)
    under_way: deque[tuple[Data, asyncio.Future[R]]] = deque()
    with TemporaryDirectory(prefix="datalake-ops-") as folder, ThreadPoolExecutor(_processors()) as threads:
        async with AsyncSession(connection, lake.organization.id, pool_size=_UNDER_WAY, gate=gate) as session:
            run = ImageRun(session, lake, Path(folder), threads)
            try:
                for one in task.data:
                    if len(under_way) >= _UNDER_WAY:
                        await _deliver(under_way, on_result)
                    under_way.append((one, asyncio.ensure_future(work(run, one))))
                while under_way:
                    await _deliver(under_way, on_result)
            finally:
                for _, pending in under_way:
                    pending.cancel()
                await asyncio.gather(*(pending for _, pending in under_way), return_exceptions=True)


async def _deliver(under_way: deque[tuple[Data, asyncio.Future[R]]], on_result: Callable[[Data, R], None]) -> None:
    data, pending = under_way[0]
    result = await pending
    under_way.popleft()
    on_result(data, result)


def _processors() -> int:
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
