"""Waits: one verdict, a schedule without a clock, and a loop that survives what says nothing about the job."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.errors import (
    ConfigurationError,
    JobFailedError,
    JobKilledError,
    JobWaitTimeoutError,
    NetworkError,
    NotFoundError,
)
from datalake_ops.waiting.blocking_wait import JobWait, wait_until_ended
from datalake_ops.waiting.job_outcome import check, shortfall
from datalake_ops.waiting.schedule import WaitSchedule
from datalake_ops.wire.jobs import Job, JobStatus

ID = UUID(int=7)


def a_job(status: JobStatus, **told: object) -> Job:
    return Job(id=ID, status=status, **told)  # type: ignore[arg-type]


def answers(*steps: Job | Exception) -> Callable[[UUID], Job]:
    left = list(steps)

    def look(_: UUID) -> Job:
        step = left.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    return look


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.SUCCESS])
def test_a_job_that_goes_on_or_succeeded_passes(status: JobStatus) -> None:
    assert check(a_job(status)).status is status


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (JobStatus.FAILED, JobFailedError),
        (JobStatus.TERMINATED, JobFailedError),
        (JobStatus.KILLED, JobKilledError),
    ],
)
def test_any_other_end_raises_with_reason_page_and_log(status: JobStatus, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        check(a_job(status, exit_code=3, reason="out of memory"), "http://x/jobs/7", [f"line {n}" for n in range(60)])

    text = str(caught.value)
    assert "exit code 3" in text
    assert "out of memory" in text
    assert "http://x/jobs/7" in text
    assert "line 59" in text
    assert "line 9\n" not in text


@given(st.floats(0, 1e6), st.floats(0, 1, exclude_max=True))
def test_polls_grow_rarer_with_the_time_waited_but_never_rarer_than_ten_seconds(waited: float, jitter: float) -> None:
    assert 0.2 < WaitSchedule().interval(waited, jitter) < 10.6


def test_a_platform_that_asks_for_patience_gets_it() -> None:
    assert WaitSchedule(poll_interval=1.0).interval(0.0, 0.0, retry_after=30.0) == 30.0


@pytest.mark.parametrize("wrong", [{"timeout": -1}, {"poll_interval": 0}])
def test_a_schedule_that_cannot_be_right_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="seconds"):
        WaitSchedule(**wrong)


def a_wait(**changes: object) -> JobWait:
    schedule = WaitSchedule(poll_interval=0.001)
    return JobWait(**{"job_id": ID, "schedule": schedule, "deadline_at": None, **changes})  # type: ignore[arg-type]


def test_a_wait_survives_polls_that_fail_and_returns_the_end() -> None:
    seen: list[Job] = []
    lost = NetworkError("cut")
    look = answers(lost, lost, a_job(JobStatus.RUNNING), lost, lost, a_job(JobStatus.FAILED))

    ended = wait_until_ended(a_wait(on_poll=seen.append), look)

    assert ended.status is JobStatus.FAILED
    assert [job.status for job in seen] == [JobStatus.RUNNING, JobStatus.FAILED]


def test_a_wait_gives_up_when_the_platform_stays_silent_for_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    polls: list[float] = []
    now = 1000.0

    def look(_: UUID) -> Job:
        polls.append(now)
        raise NetworkError("cut")

    def rest(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("datalake_ops.waiting.blocking_wait.time", SimpleNamespace(time=lambda: now))
    wait = a_wait(schedule=WaitSchedule(poll_interval=10.0, tolerated_silence=50.0), started_at=now)

    with pytest.raises(NetworkError):
        wait_until_ended(wait, look, rest)

    assert len(polls) > 2
    assert polls[-2] - polls[0] <= 50 <= polls[-1] - polls[0]


def test_a_wait_ends_at_once_when_the_platform_refuses_to_tell() -> None:
    with pytest.raises(NotFoundError):
        wait_until_ended(a_wait(), answers(NotFoundError("no such job", status=404)))


def test_a_wait_ends_at_its_deadline_and_says_that_the_job_goes_on() -> None:
    with pytest.raises(JobWaitTimeoutError, match="goes on") as caught:
        wait_until_ended(a_wait(deadline_at=0.0), answers(a_job(JobStatus.RUNNING)))

    assert caught.value.job == a_job(JobStatus.RUNNING)


def test_a_wait_gives_up_after_as_many_failed_polls_as_were_said() -> None:
    wait = a_wait(schedule=WaitSchedule(poll_interval=0.001, tolerated_failures=2))
    lost = NetworkError("cut")
    look = answers(lost, lost, a_job(JobStatus.RUNNING), lost, lost, lost, a_job(JobStatus.SUCCEEDED))

    with pytest.raises(NetworkError):
        wait_until_ended(wait, look)


def test_what_a_job_counted_is_in_its_failure_and_what_it_left_out_is_told_of_a_success() -> None:
    counts = {"listed": 9, "imported": 6, "failed": 2, "missing": 1, "skipped_known": 0}

    with pytest.raises(JobFailedError, match="listed 9, imported 6, failed 2, missing 1"):
        check(a_job(JobStatus.FAILED, counts=counts))
    assert shortfall(counts) == "failed 2, missing 1"
    assert shortfall(None) == ""
