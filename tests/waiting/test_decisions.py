"""Decisions about jobs: what a stopped wait does with one, which one is taken up again, which log lines to show."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.errors import ConfigurationError
from datalake_ops.waiting.adoption import GENERATION, EarlierJobs, earlier_jobs
from datalake_ops.waiting.cancel_policy import CancelPolicy, Stop
from datalake_ops.waiting.log_tail import LINES, LogTail
from datalake_ops.wire.jobs import Job, JobStatus, LogPage


def a_job(number: int, status: JobStatus, generation: str = "now") -> Job:
    return Job(id=UUID(int=number), status=status, labels={GENERATION: generation})


@pytest.mark.parametrize("stop", list(Stop))
@pytest.mark.parametrize(("word", "cancels"), [("cancel", True), ("leave", False)])
def test_each_stop_has_a_word_of_its_own(stop: Stop, word: str, cancels: bool) -> None:
    opposite = "leave" if word == "cancel" else "cancel"
    words = {f"on_{one.value}": word if one is stop else opposite for one in Stop}

    assert CancelPolicy(**words).cancels(stop) is cancels  # type: ignore[arg-type]


def test_a_failure_cancels_no_job_that_a_retry_takes_up() -> None:
    policy = CancelPolicy()

    assert not policy.cancels(Stop.FAILURE, adopted_later=True)
    assert policy.cancels(Stop.TIMEOUT, adopted_later=True)
    assert policy.cancels(Stop.KILL, adopted_later=True)


def test_another_word_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="on_timeout"):
        CancelPolicy(on_timeout="kill")  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.RUNNING, JobStatus.SUCCEEDED])
def test_the_newest_job_is_taken_up_when_it_goes_on_or_succeeded(status: JobStatus) -> None:
    newest, older = a_job(2, status), a_job(1, JobStatus.FAILED)

    assert earlier_jobs([newest, older], "now") == EarlierJobs(adopted=newest)


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.KILLED])
def test_the_newest_job_is_replaced_when_it_ended_badly(status: JobStatus) -> None:
    newest, older = a_job(2, status), a_job(1, JobStatus.SUCCEEDED)

    assert earlier_jobs([newest, older], "now") == EarlierJobs(ended=newest)


def test_jobs_of_other_generations_are_not_taken_up_and_are_stale_while_they_go_on() -> None:
    running, done = a_job(2, JobStatus.RUNNING, "before"), a_job(1, JobStatus.SUCCEEDED, "before")

    assert earlier_jobs([running, done], "now") == EarlierJobs(stale=(running,))


@given(st.integers(0, 3 * LINES), st.lists(st.integers(0, 3 * LINES), max_size=5))
def test_a_followed_log_shows_every_line_or_says_how_many_it_leaves_out(cursor: int, growths: list[int]) -> None:
    tail, size, accounted = LogTail(cursor=cursor), cursor, cursor
    for number, growth in enumerate(growths):
        size += growth
        page = LogPage(lines=("x",) * min(LINES, size - tail.cursor), next_cursor=min(tail.cursor + LINES, size))
        if tail.misses_some(page):
            page = LogPage(lines=("x",) * LINES, next_cursor=size)
        shown = tail.show(page, float(number))
        left_out = int(shown[0].split()[1]) if shown and shown[0].startswith("...") else 0
        accounted += left_out + shown.count("x")

        assert len(shown) <= LINES + 1
        assert accounted == size


def test_a_log_is_requested_now_and_then_while_its_job_runs_and_once_when_it_ended() -> None:
    tail = LogTail(every=10.0, requested_at=100.0)

    assert not tail.is_due(a_job(1, JobStatus.RUNNING), 105.0)
    assert tail.is_due(a_job(1, JobStatus.RUNNING), 110.0)
    assert not tail.is_due(a_job(1, JobStatus.PENDING), 110.0)
    assert tail.is_due(a_job(1, JobStatus.FAILED), 101.0)
