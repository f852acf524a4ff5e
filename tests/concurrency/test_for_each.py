from __future__ import annotations

import asyncio

import pytest

from datalake_ops.concurrency.for_each import for_each


def test_no_more_than_allowed_run_together_and_nothing_is_read_ahead() -> None:
    taken = running = most_running = most_ahead = done = 0

    def items() -> object:
        nonlocal taken
        for number in range(50):
            taken += 1
            yield number

    async def work(number: int) -> None:
        nonlocal running, most_running, most_ahead, done
        running += 1
        most_running = max(most_running, running)
        most_ahead = max(most_ahead, taken - done)
        await asyncio.sleep(0)
        running -= 1
        done += 1

    asyncio.run(for_each(items(), work, 4))

    assert done == 50
    assert most_running == 4
    assert most_ahead == 4


def test_the_first_exception_stops_the_rest_before_it_is_raised() -> None:
    stopped = []

    async def work(number: int) -> None:
        if number == 3:
            raise ValueError("third")
        try:
            await asyncio.sleep(60)
        finally:
            stopped.append(number)

    with pytest.raises(ValueError, match="third"):
        asyncio.run(for_each(range(100), work, 4))

    assert sorted(stopped) == [0, 1, 2]


def test_nothing_to_do_is_done_at_once() -> None:
    async def work(_: int) -> None:
        raise AssertionError

    asyncio.run(for_each([], work, 4))
