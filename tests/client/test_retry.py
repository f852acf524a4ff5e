"""When a request is sent again: decided without a clock, so tested without one."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.client.operation import Repeat
from datalake_ops.client.retry import Failure, Loss, RetryProgress, next_delay, read_retry_after
from datalake_ops.config import RetryPolicy

POLICY = RetryPolicy(attempts=5, budget=60, first_delay=0.5, longest_delay=8)
FIRST = RetryProgress(attempts=1, elapsed=0.0)
TRANSIENT = st.one_of(
    st.sampled_from([Failure(loss=Loss.UNSENT), Failure(loss=Loss.CUT)]),
    st.sampled_from([408, 425, 429, 500, 502, 503, 504]).map(lambda status: Failure(status=status)),
)


@given(TRANSIENT, st.integers(1, 20), st.floats(0, 1, exclude_max=True))
def test_a_back_off_never_exceeds_its_cap_and_ends_with_the_attempts(
    failure: Failure, tries: int, jitter: float
) -> None:
    delay = next_delay(POLICY, Repeat.FREELY, failure, RetryProgress(tries, 0.0), jitter)

    if tries >= POLICY.attempts:
        assert delay is None
    else:
        assert delay is not None
        assert 0 < delay <= POLICY.longest_delay


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 423, 501])
def test_a_refusal_that_will_not_change_is_not_repeated(status: int) -> None:
    assert next_delay(POLICY, Repeat.FREELY, Failure(status=status), FIRST, 0.5) is None


@pytest.mark.parametrize(
    "failure", [Failure(loss=Loss.CUT), Failure(status=500), Failure(status=502), Failure(status=504)]
)
def test_work_that_may_be_done_is_never_blindly_done_again(failure: Failure) -> None:
    assert next_delay(POLICY, Repeat.ONCE, failure, FIRST, 0.5) is None


@pytest.mark.parametrize("failure", [Failure(loss=Loss.UNSENT), Failure(status=429), Failure(status=503)])
def test_work_that_was_surely_not_done_is_tried_again(failure: Failure) -> None:
    assert next_delay(POLICY, Repeat.ONCE, failure, FIRST, 0.5) is not None


def test_the_platforms_word_wins_over_the_back_off() -> None:
    assert next_delay(POLICY, Repeat.FREELY, Failure(status=429, retry_after=17.0), FIRST, 0.0) == 17.0


def test_a_wait_beyond_the_budget_is_not_begun() -> None:
    assert next_delay(POLICY, Repeat.FREELY, Failure(status=429, retry_after=61.0), FIRST, 0.0) is None


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    now = 1_800_000_000.0
    date = format_datetime(datetime.fromtimestamp(now + 30, UTC), usegmt=True)

    assert read_retry_after("2.5", now) == 2.5
    assert read_retry_after(date, now) == 30.0
    assert read_retry_after("soon", now) is None
    assert read_retry_after(None, now) is None
