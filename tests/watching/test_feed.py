"""One poll for all, and every data told once, with a log of changes and without one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from PIL import Image

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.errors import ServerError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.watching import newest_fallback
from datalake_ops.watching.change_feed import LakeFeed, lake_feed
from datalake_ops.watching.filters import DataWatch
from datalake_ops.watching.newest_fallback import NewestDataFeed

T = TypeVar("T")
RAW = DataWatch(tags=("raw",))


@pytest.fixture
def platform(datalake_platform: PlatformServer) -> Iterator[PlatformServer]:
    datalake_platform.clear_requests()
    yield datalake_platform
    datalake_platform.clear_faults()
    datalake_platform.withhold()


@pytest.fixture
def lake(platform: PlatformServer) -> Iterator[DatalakeHook]:
    with platform.hook(datalake_id=platform.add_lake(f"feed-{uuid4().hex[:8]}")) as hook:
        yield hook


@pytest.fixture
def add(lake: DatalakeHook, tmp_path: Path) -> Callable[..., str]:
    """Uploads a picture and returns its id."""

    def upload(**options: Any) -> str:
        path = tmp_path / f"{uuid4().hex}.png"
        Image.effect_noise((32, 32), 90).save(path)
        return str(lake.upload_data(path, **options).id)

    return upload


def with_feed(lake: DatalakeHook, use: Callable[[LakeFeed], Awaitable[T]]) -> T:
    async def run() -> T:
        async with lake_feed(lake.connection, 0.05) as feed:
            return await use(feed)

    return asyncio.run(run())


def looks(platform: PlatformServer) -> int:
    return sum(request["path"].endswith("/changes") for request in platform.requests())


def test_who_watches_the_same_lake_shares_each_look(
    lake: DatalakeHook, platform: PlatformServer, add: Callable[..., str]
) -> None:
    async def use(feed: LakeFeed) -> list[list[str]]:
        start = (await feed.changes(None)).cursor
        await asyncio.to_thread(add)
        # A beat comes by itself, and what was asked before it is not asked again.
        await feed.beat()
        platform.clear_requests()
        found: list[list[str]] = [[] for _ in range(20)]
        places = [start] * 20
        for _ in range(5):
            # All of them at each step, or who is slow is a beat behind.
            pages = await asyncio.gather(*(feed.changes(place) for place in places))
            watched = [DataWatch(q=f"width > {number % 2}") for number in range(20)]
            new = await asyncio.gather(*(feed.matching(*one) for one in zip(watched, pages, strict=True)))
            await asyncio.gather(*(feed.beat() for _ in range(20)))
            places = [page.cursor for page in pages]
            found = [[*before, *ids] for before, ids in zip(found, new, strict=True)]
        return found

    found = with_feed(lake, use)

    assert all(len(ids) == 1 for ids in found)
    assert looks(platform) == 5
    # Two different queries, and one batch of new data.
    assert sum(request["method"] == "XGET" for request in platform.requests()) == 2


def test_equal_connections_of_one_loop_share_a_feed(lake: DatalakeHook) -> None:
    async def run() -> bool:
        async with lake_feed(lake.connection, 5) as one, lake_feed(lake.connection.with_(), 1) as other:
            return one is other and sorted(one.intervals) == [1, 5]

    assert asyncio.run(run())


def test_a_failed_look_is_heard_by_all_and_the_next_beat_is_as_late_as_the_platform_asks(
    lake: DatalakeHook, platform: PlatformServer
) -> None:
    async def use(feed: LakeFeed) -> float:
        at = (await feed.changes(None)).cursor
        await feed.beat()
        platform.script_fault("GET", "/changes", status=503, retry_after=1)
        begun = asyncio.get_running_loop().time()
        failed = await asyncio.gather(*(feed.changes(at) for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in failed] == [ServerError] * 3
        await feed.beat()
        assert not (await feed.changes(at)).lost
        return asyncio.get_running_loop().time() - begun

    assert with_feed(lake, use) >= 0.9
    assert platform.faults_met() == 1


def test_who_stops_watching_does_not_take_the_answer_from_the_others(
    lake: DatalakeHook, platform: PlatformServer
) -> None:
    async def use(feed: LakeFeed) -> bool:
        at = (await feed.changes(None)).cursor
        await feed.beat()
        platform.script_fault("GET", "/changes", delay=0.5)
        first, second = (asyncio.ensure_future(feed.changes(at)) for _ in range(2))
        await asyncio.sleep(0.1)
        first.cancel()
        return (await second).cursor == at

    assert with_feed(lake, use)


# Without a log of changes


@pytest.fixture
def newest_of(lake: DatalakeHook) -> Callable[[Callable[[NewestDataFeed], Awaitable[T]]], T]:
    """Runs a coroutine function with a follower that tells at once."""

    def run(use: Callable[[NewestDataFeed], Awaitable[T]]) -> T:
        async def opened() -> T:
            async with AsyncSession(lake.connection) as session:
                return await use(NewestDataFeed(session, lake.context.datalake.id, settle=0.0))

        return asyncio.run(opened())

    return run


def test_new_data_are_told_once_and_oldest_first(newest_of: Callable[..., Any], add: Callable[..., str]) -> None:
    add()

    async def use(follower: NewestDataFeed) -> list[list[str]]:
        at = (await follower.page(None)).cursor
        ids = [await asyncio.to_thread(add) for _ in range(3)]
        pages = [await follower.page(at)]
        pages.append(await follower.page(pages[-1].cursor))
        return [ids, *([str(one.id) for one in page.data] for page in pages)]

    ids, first, second = newest_of(use)

    assert first == ids
    assert second == []


def test_a_lake_that_was_empty_has_only_new_data(newest_of: Callable[..., Any], add: Callable[..., str]) -> None:
    async def use(follower: NewestDataFeed) -> tuple[list[str], list[str]]:
        at = (await follower.page(None)).cursor
        ids = [await asyncio.to_thread(add) for _ in range(2)]
        return ids, [str(one.id) for one in (await follower.page(at)).data]

    ids, told = newest_of(use)

    assert told == ids


def test_deleted_data_do_not_make_old_ones_new(
    newest_of: Callable[..., Any], lake: DatalakeHook, add: Callable[..., str]
) -> None:
    old = [add() for _ in range(4)]

    async def use(follower: NewestDataFeed) -> list[str]:
        at = (await follower.page(None)).cursor
        await asyncio.to_thread(lake.delete_data, old[-2:])
        new = await asyncio.to_thread(add)
        page = await follower.page(at)
        assert [str(one.id) for one in page.data] == [new]
        return [str(one.id) for one in (await follower.page(page.cursor)).data]

    assert newest_of(use) == []


def test_when_everything_known_is_gone_it_is_told_that_something_may_be_missing(
    newest_of: Callable[..., Any], lake: DatalakeHook, add: Callable[..., str]
) -> None:
    old = [add() for _ in range(2)]

    async def use(follower: NewestDataFeed) -> tuple[bool, int]:
        at = (await follower.page(None)).cursor
        await asyncio.to_thread(add)
        await asyncio.to_thread(lake.delete_data, old)
        page = await follower.page(at)
        return page.lost, len(page.data)

    assert newest_of(use) == (True, 0)


def test_data_are_told_only_after_a_while(lake: DatalakeHook, add: Callable[..., str]) -> None:
    async def run() -> tuple[int, int]:
        async with AsyncSession(lake.connection) as session:
            follower = NewestDataFeed(session, lake.context.datalake.id, settle=1.0)
            at = (await follower.page(None)).cursor
            await asyncio.to_thread(add)
            early = await follower.page(at)
            late = early
            deadline = asyncio.get_running_loop().time() + 30
            while not late.data and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(0.1)
                late = await follower.page(at)
            return len(early.data), len(late.data)

    assert asyncio.run(run()) == (0, 1)


def test_a_range_that_was_told_before_can_be_told_again(newest_of: Callable[..., Any], add: Callable[..., str]) -> None:
    async def use(follower: NewestDataFeed) -> tuple[list[str], list[str]]:
        at = (await follower.page(None)).cursor
        await asyncio.to_thread(add)
        told = await follower.page(at)
        await asyncio.to_thread(add)
        again = await follower.page(at, until=told.cursor)
        return [str(one.id) for one in told.data], [str(one.id) for one in again.data]

    told, again = newest_of(use)

    assert told == again != []


def test_tags_and_sources_are_asked_of_the_platform_where_changes_do_not_tell_them(
    lake: DatalakeHook, platform: PlatformServer, add: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.withhold("changes")
    monkeypatch.setattr(newest_fallback, "SETTLE_SECONDS", 0.0)

    async def use(feed: LakeFeed) -> tuple[str, list[str]]:
        await feed.open()
        assert feed.knows("[]")
        assert not feed.knows("12")
        at = (await feed.changes(None)).cursor
        raw = await asyncio.to_thread(add, tags=["raw"])
        for options in ({"tags": ["raw", "own"]}, {"tags": ["raw"], "source": "job"}, {}):
            await asyncio.to_thread(lambda given=options: add(**given))
        await feed.beat()
        page = await feed.changes(at)
        assert len(page.data) == 4
        return raw, await feed.matching(DataWatch(("raw",), exclude_tags=("own",), exclude_sources=("job",)), page)

    raw, found = with_feed(lake, use)

    assert found == [raw]
