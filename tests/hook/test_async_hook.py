"""The hook for async code: the same verbs, and waits that hold no thread."""

from __future__ import annotations

import asyncio
import inspect
import threading
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from datalake_ops import AsyncDatalakeHook, DatalakeHook
from datalake_ops.errors import JobFailedError, JobWaitTimeoutError, NoDataError
from datalake_ops.testing import PlatformServer

# Not awaited verbs: constructors, generators, a value, what verbs are made of, and the one that holds no thread.
NOT_VERBS = {
    "follow_job_log", "from_connection", "from_env", "iter_data", "iter_jobs", "lake_uri", "look_up", "reach", "send",
    "wait_for_job",
}  # fmt: skip


@pytest.fixture
def lake(datalake_platform: PlatformServer) -> AsyncDatalakeHook:
    name = datalake_platform.add_lake(f"async-{uuid4().hex[:8]}")
    return AsyncDatalakeHook(datalake_platform.hook(datalake_id=name))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (64, 48), "red").save(tmp_path / "car.jpg")
    return tmp_path / "car.jpg"


def test_has_every_verb_of_the_hook() -> None:
    verbs = {name for name, _ in inspect.getmembers(DatalakeHook, inspect.isroutine) if not name.startswith("_")}

    for verb in verbs - NOT_VERBS:
        assert inspect.iscoroutinefunction(getattr(AsyncDatalakeHook, verb)), verb


def test_verbs_answer_and_raise_as_the_hook_does(lake: AsyncDatalakeHook, photo: Path) -> None:
    async def run() -> list[str]:
        async with lake:
            with pytest.raises(NoDataError):
                await lake.list_data(tags="car")
            await lake.upload_data(photo, tags=["car"])
            return [data.filename for data in await lake.list_data(tags="car")]

    assert asyncio.run(run()) == ["car.jpg"]


def test_hundreds_of_jobs_are_awaited_without_a_thread_each(lake: AsyncDatalakeHook, photo: Path) -> None:
    async def run() -> tuple[set[str], int]:
        async with lake:
            job = await lake.launch_processing("quality-tagging", [await lake.upload_data(photo)])
            before = threading.active_count()
            waits = [
                asyncio.create_task(lake.wait_for_job(job, timeout=240, raise_on_failure=False)) for _ in range(200)
            ]
            await asyncio.sleep(0.05)
            threads = threading.active_count() - before
            return {ended.status.value for ended in await asyncio.gather(*waits)}, threads

    statuses, threads = asyncio.run(run())

    assert statuses == {"SUCCEEDED"}
    assert threads < 20


def test_a_wait_raises_what_the_hook_raises(lake: AsyncDatalakeHook, photo: Path) -> None:
    async def run() -> None:
        async with lake:
            job = await lake.launch_processing("thumbnails", [await lake.upload_data(photo)], {"max_side": -1})
            with pytest.raises(JobWaitTimeoutError):
                await lake.wait_for_job(job, timeout=0)
            with pytest.raises(JobFailedError, match="max_side"):
                await lake.wait_for_job(job, timeout=240)

    asyncio.run(run())
