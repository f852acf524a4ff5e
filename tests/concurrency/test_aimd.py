from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as some

from datalake_ops.concurrency.aimd import FIRST_LIMIT, AimdWindow

ENDS = some.lists(some.sampled_from(["good", "slow", "trouble", "overload", "late"]), max_size=400)


def after(window: AimdWindow, ends: list[str]) -> AimdWindow:
    for end in ends:
        if end in ("good", "slow"):
            window.succeeded(0.01 if end == "good" else 1.0)
        else:
            window.failed(window.epoch - (end == "late"), overload=end == "overload")
        assert 1 <= window.limit <= window.cap
    return window


@given(some.integers(1, 200), some.integers(1, 64), ENDS)
def test_the_limit_stays_between_one_and_the_cap(cap: int, first: int, ends: list[str]) -> None:
    after(AimdWindow(cap, first), ends)


@given(some.integers(1, 100), ENDS)
def test_it_recovers_from_whatever_happened(cap: int, ends: list[str]) -> None:
    window = after(AimdWindow(cap), ends)

    after(window, ["good"] * (cap + 10) * (cap + 10))

    assert window.limit == cap


def test_it_doubles_until_the_first_overload_and_then_grows_by_one_a_round() -> None:
    window = after(AimdWindow(128), ["good"] * (8 + 16 + 32))
    assert window.limit == 64

    after(window, ["overload"])
    assert window.limit == 32

    after(window, ["good"] * (32 + 33))
    assert window.limit == 34


def test_one_overload_halves_it_once_whatever_was_under_way() -> None:
    window = after(AimdWindow(64), ["good"] * (8 + 16 + 32))
    epoch = window.epoch

    for _ in range(64):
        window.failed(epoch, overload=True)

    assert window.limit == 32


def test_a_platform_that_fails_everything_is_asked_by_one_at_a_time() -> None:
    assert after(AimdWindow(64), ["trouble"] * 200).limit == 1


def test_failures_by_chance_do_not_slow_it_down() -> None:
    chance = random.Random(7)

    window = after(AimdWindow(64), ["trouble" if chance.random() < 0.1 else "good" for _ in range(4000)])

    assert window.limit > FIRST_LIMIT


def test_it_does_not_grow_while_answers_take_longer_for_it() -> None:
    window = AimdWindow(128)
    for _ in range(2000):
        # One request after another: twice as many at once wait twice as long.
        window.succeeded(0.001 * window.limit)

    assert window.limit <= 4 * FIRST_LIMIT
