from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as some

from datalake_ops.concurrency.aimd import FIRST_LIMIT, AimdWindow

ENDS = some.lists(some.sampled_from(["good", "slow", "trouble", "overload", "late"]), max_size=400)


def after(pace: AimdWindow, ends: list[str]) -> AimdWindow:
    for end in ends:
        if end in ("good", "slow"):
            pace.good(0.01 if end == "good" else 1.0)
        else:
            pace.trouble(pace.epoch - (end == "late"), overload=end == "overload")
        assert 1 <= pace.limit <= pace.cap
    return pace


@given(some.integers(1, 200), some.integers(1, 64), ENDS)
def test_the_limit_stays_between_one_and_the_cap(cap: int, first: int, ends: list[str]) -> None:
    after(AimdWindow(cap, first), ends)


@given(some.integers(1, 100), ENDS)
def test_it_recovers_from_whatever_happened(cap: int, ends: list[str]) -> None:
    pace = after(AimdWindow(cap), ends)

    after(pace, ["good"] * (cap + 10) * (cap + 10))

    assert pace.limit == cap


def test_it_doubles_until_the_first_overload_and_then_grows_by_one_a_round() -> None:
    pace = after(AimdWindow(128), ["good"] * (8 + 16 + 32))
    assert pace.limit == 64

    after(pace, ["overload"])
    assert pace.limit == 32

    after(pace, ["good"] * (32 + 33))
    assert pace.limit == 34


def test_one_overload_halves_it_once_whatever_was_under_way() -> None:
    pace = after(AimdWindow(64), ["good"] * (8 + 16 + 32))
    epoch = pace.epoch

    for _ in range(64):
        pace.trouble(epoch, overload=True)

    assert pace.limit == 32


def test_a_platform_that_fails_everything_is_asked_by_one_at_a_time() -> None:
    assert after(AimdWindow(64), ["trouble"] * 200).limit == 1


def test_failures_by_chance_do_not_slow_it_down() -> None:
    chance = random.Random(7)

    pace = after(AimdWindow(64), ["trouble" if chance.random() < 0.1 else "good" for _ in range(4000)])

    assert pace.limit > FIRST_LIMIT


def test_it_does_not_grow_while_answers_take_longer_for_it() -> None:
    pace = AimdWindow(128)
    for _ in range(2000):
        # One request after another: twice as many at once wait twice as long.
        pace.good(0.001 * pace.limit)

    assert pace.limit <= 4 * FIRST_LIMIT
