from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from datalake_ops.client.admission import Ticket
from datalake_ops.client.retry import Failure, Loss
from datalake_ops.concurrency.limiter import STRIKES, Limiter
from datalake_ops.errors import HostDownError

T = TypeVar("T")
HOST, OTHER = "platform:443", "storage:443"


def run(main: Callable[[], Awaitable[T]]) -> T:
    async def bounded() -> T:
        return await asyncio.wait_for(main(), 60)

    return asyncio.run(bounded())


def test_no_more_pass_than_the_limit_and_each_end_lets_one_in() -> None:
    async def main() -> None:
        limiter = Limiter(64, first=4)
        most = 0

        async def request() -> None:
            nonlocal most
            ticket = await limiter.enter(HOST)
            most = max(most, limiter.in_flight - limiter.limit)
            await asyncio.sleep(0)
            limiter.leave(ticket, None, brief=True)

        await asyncio.gather(*(request() for _ in range(500)))
        assert most <= 0
        assert limiter.in_flight == 0

    run(main)


def test_one_that_is_cancelled_while_it_waits_takes_no_slot() -> None:
    async def main() -> None:
        limiter = Limiter(1)
        ticket = await limiter.enter(HOST)
        waiting = [asyncio.ensure_future(limiter.enter(HOST)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        limiter.leave(ticket, None, brief=True)
        waiting[1].cancel()

        assert isinstance(await waiting[2], Ticket)
        assert limiter.in_flight == 1

    run(main)


def test_a_retry_after_holds_everybody_back() -> None:
    async def main() -> float:
        limiter = Limiter(8)
        ticket = await limiter.enter(HOST)
        limiter.leave(ticket, Failure(status=429, retry_after=0.3), brief=True)
        started_at = time.monotonic()
        await asyncio.gather(*(limiter.enter(host) for host in (HOST, OTHER)))
        assert limiter.limit == 4
        return time.monotonic() - started_at

    assert run(main) >= 0.3


def test_a_retry_after_beyond_all_patience_ends_the_run() -> None:
    async def main() -> None:
        limiter = Limiter(8, patience=120)
        ticket = await limiter.enter(HOST)
        limiter.leave(ticket, Failure(status=503, retry_after=3600), brief=True)
        with pytest.raises(HostDownError, match="3600 s"):
            await limiter.enter(HOST)

    run(main)


def test_a_host_that_nobody_reaches_is_given_up_and_those_who_wait_are_told() -> None:
    async def main() -> None:
        limiter = Limiter(1)
        await limiter.enter(HOST)
        waiting = asyncio.ensure_future(limiter.enter(HOST))
        resting = asyncio.ensure_future(limiter.rest(60, early=False))
        await asyncio.sleep(0)

        limiter.gave_up(HOST, Failure(loss=Loss.UNSENT), since=time.monotonic())

        with pytest.raises(HostDownError, match="cannot be reached"):
            await waiting
        await resting

    run(main)


@pytest.mark.parametrize(("early", "seconds", "shortest", "longest"), [(True, 30, 0, 20), (False, 0.5, 0.5, 20)])
def test_a_failure_among_many_good_answers_rests_briefly_until_its_tries_come_to_an_end(
    early: bool, seconds: float, shortest: float, longest: float
) -> None:
    async def main() -> float:
        limiter = Limiter(8)
        for failure in [*[None] * 5, Failure(status=503)] * 5:
            limiter.leave(await limiter.enter(HOST), failure, brief=True)
        started_at = time.monotonic()
        await limiter.rest(seconds, early=early)
        return time.monotonic() - started_at

    assert shortest <= run(main) <= longest


@pytest.mark.parametrize("good_between", [True, False])
def test_requests_that_fail_for_themselves_do_not_bring_a_host_down(good_between: bool) -> None:
    async def main() -> bool:
        limiter = Limiter(8)
        for _ in range(STRIKES):
            since = time.monotonic()
            if good_between:
                limiter.leave(await limiter.enter(HOST), None, brief=True)
            limiter.gave_up(HOST, Failure(loss=Loss.CUT), since)
        return limiter.down is None

    assert run(main) is good_between
