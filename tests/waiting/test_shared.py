"""The shared poller: many waits on one connection, few requests, and every wait gets what concerns it."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest

from datalake_ops.config import Connection
from datalake_ops.errors import JobWaitTimeoutError, NotFoundError, ServerError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.server import PlatformServer
from datalake_ops.waiting.blocking_wait import JobWait
from datalake_ops.waiting.log_tail import LINES, LogTail
from datalake_ops.waiting.schedule import WaitSchedule
from datalake_ops.waiting.shared_poller import JobUpdate, shared_poller
from datalake_ops.wire import routes
from datalake_ops.wire.jobs import Job, JobStatus

BATCH = "/jobv2s/batch"


@pytest.fixture(scope="module")
def platform() -> Iterator[PlatformServer]:
    arguments = ["--cpus", "32"]
    for name, script in {"patient": "sleep 300", "talker": "seq 1 250; sleep 300", "brief": "echo done"}.items():
        arguments += ["--program", f"tests/{name}=/bin/sh -c '{script}'"]
    with PlatformServer(arguments=arguments) as server, server.hook() as hook:
        path = routes.PROCESSINGS.format(organization=hook.context.organization.id)
        for name in ("patient", "talker", "brief"):
            image = {"docker_image": f"tests/{name}", "docker_tag": "latest", "docker_flags": None}
            defaults = {"default_cpu": 1, "default_gpu": 0, "default_parameters": {}}
            named = {"name": name, "target": "DATALAKE", "description": None, "type": None}
            server.admin("POST", path, {**named, **image, **defaults})
        yield server
        for job in hook.find_jobs():
            hook.cancel_job(job)


@pytest.fixture(scope="module")
def data(platform: PlatformServer, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    from PIL import Image

    path = tmp_path_factory.mktemp("data") / "one.png"
    Image.new("RGB", (16, 16)).save(path)
    with platform.hook() as hook:
        return [str(one) for one in hook.upload(path).data.ids]


@pytest.fixture
def hook(platform: PlatformServer) -> Iterator[DatalakeHook]:
    platform.clear_requests()
    with platform.hook() as hook:
        yield hook
    platform.clear_faults()
    platform.withhold()


def connection_of(platform: PlatformServer) -> Connection:
    return Connection(host=platform.url, api_token=platform.token)


def a_wait(job: Job | UUID, deadline_at: float | None = None, **schedule: float) -> JobWait:
    return JobWait(
        job if isinstance(job, UUID) else job.id, WaitSchedule(**{"poll_interval": 0.3, **schedule}), deadline_at
    )


async def followed(platform: PlatformServer, wait: JobWait, tail: LogTail | None = None) -> list[JobUpdate]:
    return [seen async for seen in shared_poller(connection_of(platform)).follow(wait, tail)]


async def follow_until(platform: PlatformServer, waits: list[JobWait], is_so: Callable[[], bool]) -> None:
    following = [asyncio.ensure_future(followed(platform, wait)) for wait in waits]
    await until(is_so)
    for one in following:
        one.cancel()
    await asyncio.gather(*following, return_exceptions=True)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so that only the platform can tell."""
    deadline = time.monotonic() + 120
    while not await asyncio.to_thread(is_so):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def paths(platform: PlatformServer, ending: str) -> list[str]:
    return [one["path"] for one in platform.requests() if one["path"].endswith(ending)]


def test_many_waits_cost_one_request_per_interval(
    platform: PlatformServer, hook: DatalakeHook, data: list[str]
) -> None:
    waits = [a_wait(hook.launch_processing("patient", data), poll_interval=0.5) for _ in range(12)]
    platform.clear_requests()
    started_at = time.monotonic()

    asyncio.run(follow_until(platform, waits, lambda: len(paths(platform, BATCH)) >= 6))

    looks = paths(platform, BATCH)
    # Some more in the first interval, until all are in step.
    assert len(looks) <= (time.monotonic() - started_at) / 0.5 + 3
    assert len(platform.requests()) <= len(looks) + 1 + 12  # the ping, and a look of those that came first


def test_every_wait_learns_of_its_own_job(platform: PlatformServer, hook: DatalakeHook, data: list[str]) -> None:
    jobs = [hook.launch_processing("brief", data) for _ in range(5)]

    async def all_of_them() -> list[list[JobUpdate]]:
        return await asyncio.gather(*(followed(platform, a_wait(job)) for job in jobs))

    ends = asyncio.run(all_of_them())

    assert [end[-1].job.id for end in ends] == [job.id for job in jobs]
    assert all(end[-1].job.status is JobStatus.SUCCEEDED for end in ends)


def test_a_platform_without_batches_is_asked_for_one_job_at_a_time(
    platform: PlatformServer, hook: DatalakeHook, data: list[str]
) -> None:
    platform.withhold("job-batch")
    jobs = [hook.launch_processing("brief", data) for _ in range(3)]

    async def all_of_them() -> list[list[JobUpdate]]:
        return await asyncio.gather(*(followed(platform, a_wait(job)) for job in jobs))

    ends = asyncio.run(all_of_them())

    assert all(end[-1].job.status is JobStatus.SUCCEEDED for end in ends)
    assert paths(platform, BATCH) == []


def test_an_unknown_job_ends_its_own_wait_only(platform: PlatformServer, hook: DatalakeHook, data: list[str]) -> None:
    known = hook.launch_processing("brief", data)

    async def both() -> list[object]:
        waits = (followed(platform, a_wait(known)), followed(platform, a_wait(uuid4())))
        return await asyncio.gather(*waits, return_exceptions=True)

    good, bad = asyncio.run(both())

    assert isinstance(good, list)
    assert isinstance(bad, NotFoundError)


def test_a_deadline_ends_its_own_wait_only(platform: PlatformServer, hook: DatalakeHook, data: list[str]) -> None:
    patient = hook.launch_processing("patient", data)

    async def both() -> tuple[BaseException | None, bool]:
        first, late = (
            asyncio.ensure_future(followed(platform, a_wait(patient, deadline_at=time.time() + seconds)))
            for seconds in (0.5, 200.0)
        )
        await asyncio.wait([first])
        goes_on = not late.done()
        late.cancel()
        return first.exception(), goes_on

    error, goes_on = asyncio.run(both())

    assert isinstance(error, JobWaitTimeoutError)
    assert goes_on


def test_a_platform_that_asks_for_patience_is_left_alone_but_no_longer_than_the_deadline(
    platform: PlatformServer, hook: DatalakeHook, data: list[str]
) -> None:
    patient = hook.launch_processing("patient", data)
    fault = platform.script_fault("GET", f"/api/v2/job/{patient.id}$", status=429, retry_after=60, count=100)

    started = time.time()
    with pytest.raises(JobWaitTimeoutError):
        asyncio.run(followed(platform, a_wait(patient, deadline_at=time.time() + 1.5)))

    assert time.time() - started < 50
    assert platform.faults_met(fault) <= 2  # the first poll and the one at the deadline


def test_failed_polls_are_tolerated_as_often_as_was_said(
    platform: PlatformServer, hook: DatalakeHook, data: list[str]
) -> None:
    patient = hook.launch_processing("patient", data)
    fault = platform.script_fault("GET", f"/api/v2/job/{patient.id}$", status=503, count=100)

    with pytest.raises(ServerError):
        asyncio.run(followed(platform, a_wait(patient, poll_interval=0.05, tolerated_failures=3)))

    assert platform.faults_met(fault) == 4


def test_the_log_is_told_in_pieces_and_not_twice(platform: PlatformServer, hook: DatalakeHook, data: list[str]) -> None:
    talker = hook.launch_processing("talker", data)
    deadline = time.time() + 120
    while len(hook.job_log(talker, tail=None)) < 250:
        assert time.time() < deadline
        time.sleep(0.05)

    news: list[JobUpdate] = []

    async def follow(wait: JobWait) -> None:
        following = shared_poller(connection_of(platform)).follow(wait, LogTail(cursor=5, every=0.2))
        while True:
            news.append(await anext(following))

    async def a_while() -> None:
        polls: list[bool] = []
        wait = a_wait(talker)
        wait.on_poll = lambda _: polls.append(bool(news))
        following = asyncio.ensure_future(follow(wait))
        await until(lambda: polls.count(True) >= 5)
        following.cancel()

    asyncio.run(a_while())

    assert len(news) == 1  # A log that does not grow is no news.
    shown = list(news[0].lines)
    assert shown[0] == f"... {250 - 5 - LINES} lines are left out ..."
    assert shown[1:] == [str(number) for number in range(251 - LINES, 251)]


def test_the_poll_does_not_run_in_the_context_of_whoever_came_first(
    platform: PlatformServer, hook: DatalakeHook, data: list[str]
) -> None:
    whose = contextvars.ContextVar("whose", default="nobody's")
    seen: list[str] = []
    job = hook.launch_processing("brief", data)

    async def first() -> None:
        whose.set("the first one's")
        wait = a_wait(job)
        wait.on_poll = lambda _: seen.append(whose.get())
        await followed(platform, wait)

    asyncio.run(first())

    assert set(seen) == {"nobody's"}


def test_waits_that_come_as_the_last_one_leaves_are_not_lost(
    platform: PlatformServer, hook: DatalakeHook, data: list[str]
) -> None:
    jobs = [hook.launch_processing("brief", data) for _ in range(12)]
    for job in jobs:
        hook.wait_for_job(job)

    async def one_after_the_other() -> list[JobStatus]:
        ends = []
        for number, job in enumerate(jobs):
            ends.append((await followed(platform, a_wait(job)))[-1].job.status)
            # The poll ends, and closes its session, in the next turns of the loop: each wait comes at another of them.
            for _ in range(number):
                await asyncio.sleep(0)
        return ends

    assert asyncio.run(asyncio.wait_for(one_after_the_other(), 120)) == [JobStatus.SUCCEEDED] * 12


def last_batch(platform: PlatformServer) -> str:
    """What was asked by the newest look at many jobs."""
    asked = [one for one in platform.requests() if one["path"].endswith(BATCH)]
    return f"{asked[-1]['query']} {asked[-1]['body']}" if asked else ""


def test_waits_that_began_apart_fall_into_step(platform: PlatformServer, hook: DatalakeHook, data: list[str]) -> None:
    jobs = [hook.launch_processing("patient", data) for _ in range(8)]

    async def begun_apart() -> None:
        following = []
        for job in jobs:
            following.append(asyncio.ensure_future(followed(platform, a_wait(job, poll_interval=1.0))))
            await asyncio.sleep(0.13)
        await until(lambda: all(str(job.id) in last_batch(platform) for job in jobs))
        started_at = time.monotonic()
        platform.clear_requests()
        await asyncio.sleep(4.0)
        looked.append((len(paths(platform, BATCH)), time.monotonic() - started_at))
        for one in following:
            one.cancel()
        await asyncio.gather(*following, return_exceptions=True)

    looked: list[tuple[int, float]] = []
    asyncio.run(begun_apart())

    [(looks, seconds)] = looked
    assert 1 <= looks <= seconds + 1
    assert len(platform.requests()) == len(paths(platform, BATCH))
