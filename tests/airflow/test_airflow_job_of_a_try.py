"""What becomes of a job when its task is interrupted, resumed, or fails."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from airflow_provider.compat import BEFORE_3, AirflowFailException, AirflowTaskTimeout
from airflow_provider.job_lifecycle import retry_policy
from airflow_provider.job_lifecycle.start import JobStart
from airflow_provider.operators.processing import LaunchProcessingOperator
from airflow_provider.triggers.events import LOST
from datalake_ops.errors import (
    ForbiddenError,
    JobLostError,
    JobWaitTimeoutError,
    NetworkError,
    ServerError,
)
from datalake_ops.hook import DatalakeHook
from datalake_ops.retryability import Remedy, remedy_of
from datalake_ops.testing.server import PlatformServer
from datalake_ops.waiting.cancel_policy import CancelPolicy
from datalake_ops.wire.jobs import Job, JobStatus
from tests.airflow.task_tries import BrokenStore, Store, Work, an_operator

pytestmark = pytest.mark.usefixtures("some_data")
RUNNING, KILLED = JobStatus.RUNNING, JobStatus.KILLED
# What a task is resumed with when its trigger did not fire in time.
GIVEN_UP = {"error": "Trigger/execution timeout" if BEFORE_3 else "Trigger timeout"}


@contextmanager
def interrupted_when(moment: Callable[[], object], error: BaseException) -> Iterator[None]:
    """Raises in the midst of things, as Airflow does when `execution_timeout` is over."""
    main, over = threading.get_ident(), threading.Event()

    def interrupt(number: int, frame: Any) -> None:
        raise error

    def interrupt_then() -> None:
        while not moment():
            if over.wait(0.1):
                return
        signal.pthread_kill(main, signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, interrupt)
    watching = threading.Thread(target=interrupt_then)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
        signal.signal(signal.SIGALRM, before)


def test_a_timeout_while_the_job_is_being_started_cancels_it_all_the_same(work: Work, platform: PlatformServer) -> None:
    lost_answer = platform.script_fault("POST", "/processing/launch$", drop=True)
    unanswered = platform.script_fault("POST", "/processing/launch$", delay=100, count=100)
    too_late = AirflowTaskTimeout("too late")

    with interrupted_when(lambda: platform.faults_met(unanswered), too_late), pytest.raises(AirflowTaskTimeout):
        an_operator().execute(work.context())

    assert platform.faults_met(lost_answer) == 1
    work.wait_for(KILLED)


@pytest.mark.parametrize(
    ("on_failure", "tries_left", "end"), [("cancel", 0, KILLED), ("cancel", 1, RUNNING), ("leave", 0, RUNNING)]
)
def test_a_resumed_task_that_fails_cancels_its_job_unless_a_retry_takes_it_up(
    work: Work, on_failure: str, tries_left: int, end: JobStatus
) -> None:
    job_id = work.start()
    work.xcoms["job_id"] = job_id
    operator = an_operator(on_failure=on_failure)

    with pytest.raises(Exception, match="never sends"):
        operator.resume_execution("execute_complete", {"event": "a foreign event"}, work.context(4 - tries_left))

    work.wait_for(end)


@pytest.mark.parametrize(("on_timeout", "end"), [("cancel", KILLED), ("leave", RUNNING)])
def test_a_trigger_that_airflow_gives_up_as_too_late_counts_as_a_timeout(
    work: Work, on_timeout: str, end: JobStatus
) -> None:
    work.start()
    operator = an_operator(on_timeout=on_timeout, on_failure="leave" if on_timeout == "cancel" else "cancel")

    with pytest.raises(JobWaitTimeoutError, match=r"last status: .*gave up the trigger"):
        operator.resume_execution("__fail__", GIVEN_UP, work.context())

    work.wait_for(end)


def test_a_trigger_that_airflow_gives_up_after_the_execution_timeout_says_so(work: Work) -> None:
    work.start()
    context = work.context()
    context["task"].execution_timeout = timedelta(seconds=300)
    context["ti"].start_date = datetime.now(UTC) - timedelta(seconds=400)

    with pytest.raises(AirflowTaskTimeout, match="gave up the trigger"):
        an_operator().resume_execution("__fail__", GIVEN_UP, context)

    work.wait_for(KILLED)


def test_a_job_that_ended_while_no_trigger_told_is_taken_as_it_ended(work: Work, lake: DatalakeHook) -> None:
    job_id = work.start(processing="quick")
    lake.wait_for_job(job_id)

    assert an_operator().resume_execution("__fail__", GIVEN_UP, work.context()) == job_id

    work.xcoms["job_id"] = str(uuid4())
    with pytest.raises(JobLostError, match="which this task had started"):
        an_operator().resume_execution("__fail__", GIVEN_UP, work.context())


@pytest.mark.parametrize("remembered", [True, False])
def test_a_trigger_is_given_up_on_a_platform_that_tells_nothing_either(
    work: Work, platform: PlatformServer, remembered: bool
) -> None:
    work.start()
    if not remembered:
        del work.xcoms["job_id"]
    platform.script_fault("GET", "/api/v2/job/[^/]+$", status=403)

    with pytest.raises(JobWaitTimeoutError, match=r"403.*gave up" if remembered else "gave up"):
        an_operator().resume_execution("__fail__", GIVEN_UP, work.context())

    work.wait_for(KILLED)


def test_a_job_is_cancelled_when_its_task_fails_for_good_by_what_no_retry_mends_before_policies(
    work: Work, platform: PlatformServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As Airflow before 3.3, which has tries left and is told not to use them.
    monkeypatch.setattr(retry_policy, "HAS_RETRY_POLICIES", False)
    refused = platform.script_fault("GET", "/api/v2/job/[^/]+$", status=403)
    operator = an_operator()
    operator.retry_policy = None

    with pytest.raises(AirflowFailException, match="ForbiddenError"):
        operator.execute({**work.context(), "task": operator})

    assert platform.faults_met(refused) == 1
    work.wait_for(KILLED)


def test_a_retry_policy_that_fails_leaves_the_tasks_own_error_and_a_job_for_the_retry(
    work: Work, platform: PlatformServer
) -> None:
    def evaluate(*_: Any) -> Any:
        raise KeyError("a mistake of somebody's own")

    platform.script_fault("GET", "/api/v2/job/[^/]+$", status=403)
    operator = an_operator()
    operator.retry_policy = SimpleNamespace(evaluate=evaluate)

    with pytest.raises((ForbiddenError, AirflowFailException), match=r"403|ForbiddenError"):
        operator.execute({**work.context(), "task": operator})

    assert len(work.jobs()) == 1


def test_a_store_that_cannot_keep_the_jobs_id_fails_no_task(work: Work) -> None:
    work.store = BrokenStore()

    first = work.start()

    assert work.start(try_number=2) == first


def test_a_job_that_airflow_could_not_remember_is_cancelled_when_no_retry_will_find_it(
    work: Work, platform: PlatformServer, lake: DatalakeHook
) -> None:
    platform.withhold("job-labels", "idempotency-key")
    work.store = BrokenStore()
    refused = platform.script_fault("GET", "/api/v2/job/[^/]+$", status=500, count=1)

    with pytest.raises(ServerError):
        an_operator(max_failed_polls=0).execute(work.context())

    platform.withhold()
    assert platform.faults_met(refused) == 1
    assert [job.status for job in lake.find_jobs()][:1] == [KILLED]


def test_the_last_try_cancels_its_earlier_job_when_it_fails_before_it_has_found_it(
    work: Work, platform: PlatformServer
) -> None:
    work.start()
    refused = platform.script_fault("GET", "/jobv2s$", status=403)

    with pytest.raises((ForbiddenError, AirflowFailException)):
        work.start(try_number=4)

    assert platform.faults_met(refused) == 1
    work.wait_for(KILLED)


def test_the_last_try_cancels_its_own_job_when_a_stale_one_cannot_be_cancelled(
    work: Work, platform: PlatformServer
) -> None:
    work.start()
    own = work.start(try_number=2, max_tries=5, on_kill="leave")
    stuck = platform.script_fault("POST", "/kill$", status=403)

    with pytest.raises((ForbiddenError, AirflowFailException)):
        work.start(try_number=6, max_tries=5)

    assert platform.faults_met(stuck) == 1
    assert work.lake.get_job(own).status is KILLED


def test_a_resumed_task_that_cannot_read_its_xcom_finds_its_job_to_cancel(work: Work) -> None:
    def unreadable(**_: Any) -> Any:
        raise RuntimeError("the execution API is away")

    work.start()
    context = work.context(try_number=4)
    context["ti"].xcom_pull = unreadable

    with pytest.raises(RuntimeError, match="away"):
        an_operator().resume_execution("execute_complete", {"event": None}, context)

    work.wait_for(KILLED)


def test_what_cannot_be_told_to_lineage_fails_no_task(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def untold(*_: Any) -> Any:
        raise ValueError("a lake without a name")

    monkeypatch.setattr(LaunchProcessingOperator, "_outcome", untold)

    job_id = an_operator(processing="quick").execute(work.context())

    assert work.lake.get_job(job_id).status.succeeded


def test_a_job_that_vanished_while_its_task_was_deferred_is_lost_and_not_a_wrong_id(work: Work) -> None:
    job_id = work.start()
    work.xcoms["job_id"] = job_id
    event = {"job_id": job_id, "outcome": LOST, "message": "gone", "error": "NotFoundError", "status": 404}

    with pytest.raises(JobLostError, match="no longer knows") as caught:
        an_operator().resume_execution("execute_complete", {"event": event}, work.context())

    assert remedy_of(caught.value) is Remedy.AGAIN


def test_a_retry_starts_another_job_for_one_that_vanished(
    work: Work, platform: PlatformServer, lake: DatalakeHook
) -> None:
    platform.withhold("job-labels", "idempotency-key")
    work.store = Store()
    first = work.start()
    platform.script_fault("GET", f"/api/v2/job/{first}$", status=404)

    second = work.start(try_number=2)

    assert first != second
    for job in (first, second):
        lake.cancel_job(job)


@pytest.mark.parametrize(
    ("error", "is_open"),
    [(TypeError("a local mistake"), False), (ForbiddenError("no", status=403), False), (NetworkError("cut"), True)],
    ids=repr,
)
def test_only_a_lost_answer_leaves_a_job_to_search_for(
    work: Work, lake: DatalakeHook, error: Exception, is_open: bool
) -> None:
    def submit(key: str, labels: dict[str, str]) -> Job:
        raise error

    start = JobStart(lake, work.context(), submit, CancelPolicy(), logging.getLogger(__name__), lambda job_id: None)
    with pytest.raises(type(error)):
        start.job()

    assert start.is_open is is_open
