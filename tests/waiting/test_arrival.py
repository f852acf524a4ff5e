"""Data have arrived when enough are there and no more come: decided purely, awaited over the wire."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.errors import ConfigurationError, DataWaitTimeoutError, InvalidQueryError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.waiting.arrival import Arrival, StableCount
from datalake_ops.waiting.async_arrival import DataWait, await_data
from tests.upload.pictures import a_picture

COUNTS = st.lists(st.tuples(st.integers(0, 5), st.floats(0.01, 10)), min_size=1, max_size=30)


@pytest.fixture
def lake(datalake_platform: PlatformServer) -> Iterator[DatalakeHook]:
    name = f"arrival-{uuid4().hex[:8]}"
    datalake_platform.add_lake(name)
    with datalake_platform.hook(datalake_name=name) as hook:
        yield hook
    datalake_platform.clear_faults()


def watch(lake: DatalakeHook, arrival: Arrival, q: str | None = None) -> DataWait:
    return DataWait(lake.context.organization.id, lake.context.datalake.id, arrival, q)


@given(COUNTS, st.integers(1, 5), st.floats(0, 20))
def test_an_arrival_is_complete_only_after_its_number_was_the_same_for_long_enough(
    looks: list[tuple[int, float]], min_count: int, stable_for: float
) -> None:
    arrival, seen, now = Arrival(min_count, stable_for), None, 0.0
    history: list[tuple[float, int]] = []

    for count, passed in looks:
        now += passed
        history.append((now, count))
        seen = StableCount.from_json(arrival.saw(count, now, seen).to_json())

        first_of_the_same = next(
            at for index, (at, _) in enumerate(history) if all(one == count for _, one in history[index:])
        )
        assert arrival.complete(seen, now) == (count >= min_count and now >= first_of_the_same + stable_for)
        assert 0 <= arrival.pause(seen, now, 60.0) <= 60.0


@pytest.mark.parametrize("wrong", [{"min_count": 0}, {"stable_for": -1.0}])
def test_an_arrival_that_cannot_be_meant_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        Arrival(**wrong)  # type: ignore[arg-type]


def test_data_that_come_while_it_waits_are_awaited(lake: DatalakeHook, tmp_path: Path) -> None:
    pictures = [a_picture(tmp_path / f"{number}.png") for number in range(3)]
    lake.upload(pictures[0], tags=["batch"])
    first_seen = threading.Event()

    def upload_the_rest() -> None:
        first_seen.wait(30)
        lake.upload(pictures[1:], tags=["batch"])

    rest = threading.Thread(target=upload_the_rest)
    rest.start()
    awaited = watch(lake, Arrival(3, 0.5), 'tags.name = "batch"')
    seen = asyncio.run(await_data(lake.connection, awaited, poll_interval=0.05, on_look=lambda _: first_seen.set()))
    rest.join()

    assert seen.count == 3
    assert time.time() - seen.since >= 0.5


def test_data_that_do_not_arrive_end_the_wait_at_its_deadline(lake: DatalakeHook, tmp_path: Path) -> None:
    lake.upload(a_picture(tmp_path / "one.png"))

    with pytest.raises(DataWaitTimeoutError, match="1 of 2 data had arrived"):
        asyncio.run(await_data(lake.connection, watch(lake, Arrival(2)), deadline_at=time.time() + 0.5))
    with pytest.raises(DataWaitTimeoutError, match="shorter stable_for"):
        asyncio.run(await_data(lake.connection, watch(lake, Arrival(1, 60)), deadline_at=time.time() + 0.5))


def test_looks_that_fail_do_not_end_the_wait(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    lake.upload(a_picture(tmp_path / "one.png"))
    fault = datalake_platform.script_fault("*", "/datas", status=503, count=3)

    seen = asyncio.run(await_data(lake.connection, watch(lake, Arrival()), poll_interval=0.05))

    assert seen.count == 1
    assert datalake_platform.faults_met(fault) == 3


def test_many_waits_for_the_same_data_ask_as_often_as_one(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    waits, seconds, interval = 100, 3.0, 0.5
    awaited = watch(lake, Arrival(1))

    async def late(number: int) -> StableCount:
        await asyncio.sleep(interval * number / waits)
        return await await_data(lake.connection, awaited, poll_interval=interval)

    async def all_of_them() -> list[StableCount]:
        waiting = asyncio.gather(*(late(number) for number in range(waits)))
        await asyncio.sleep(seconds)
        asked = looks(datalake_platform)
        await asyncio.to_thread(lake.upload, a_picture(tmp_path / "one.png"))
        seen = await waiting
        assert 1 <= asked <= 2 * seconds / interval
        return seen

    datalake_platform.clear_requests()
    assert [seen.count for seen in asyncio.run(all_of_them())] == [1] * waits


def test_waits_for_other_data_are_no_answer(lake: DatalakeHook, tmp_path: Path) -> None:
    lake.upload(a_picture(tmp_path / "one.png"), tags=["there"])
    there, absent = (watch(lake, Arrival(), f'tags.name = "{tag}"') for tag in ("there", "absent"))

    async def both() -> list[StableCount | BaseException]:
        waits = (await_data(lake.connection, one, deadline_at=time.time() + 1.0) for one in (there, absent))
        return await asyncio.gather(*waits, return_exceptions=True)

    found, missed = asyncio.run(both())

    assert isinstance(found, StableCount)
    assert isinstance(missed, DataWaitTimeoutError)


def test_a_wait_that_is_stopped_while_it_looks_stops_no_other(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    lake.upload(a_picture(tmp_path / "one.png"))
    awaited = watch(lake, Arrival(1))
    datalake_platform.script_fault("GET", "/datas", delay=1.0)

    async def one_stopped() -> StableCount:
        first, second = (asyncio.ensure_future(await_data(lake.connection, awaited)) for _ in range(2))
        await asyncio.sleep(0.5)
        first.cancel()
        return await second

    assert asyncio.run(one_stopped()).count == 1


def test_a_platform_that_wants_quiet_gets_it_from_all_waits(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    fault = datalake_platform.script_fault("*", "/datas", status=429, retry_after=8.0)
    waits = [watch(lake, Arrival(), q) for q in (None, "width > 0", "height > 0")]

    def refused() -> None:
        while not datalake_platform.faults_met(fault):
            time.sleep(0.05)

    async def all_of_them() -> int:
        waiting = [asyncio.ensure_future(await_data(lake.connection, waits[0], poll_interval=0.1))]
        await asyncio.to_thread(refused)
        await asyncio.sleep(0.5)
        waiting += [asyncio.ensure_future(await_data(lake.connection, one, poll_interval=0.1)) for one in waits[1:]]
        await asyncio.sleep(1.0)
        asked = looks(datalake_platform)
        await asyncio.to_thread(lake.upload, a_picture(tmp_path / "one.png"))
        await asyncio.gather(*waiting)
        return asked

    datalake_platform.clear_requests()
    assert asyncio.run(all_of_them()) == 1
    assert datalake_platform.faults_met(fault) == 1


def looks(platform: PlatformServer) -> int:
    """How often data were counted."""
    return len([one for one in platform.requests() if one["method"] == "GET" and one["path"].endswith("/datas")])


def test_a_wrong_query_ends_the_wait_at_once(lake: DatalakeHook) -> None:
    with pytest.raises(InvalidQueryError):
        asyncio.run(await_data(lake.connection, watch(lake, Arrival(), "width >")))
