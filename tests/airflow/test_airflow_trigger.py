"""The trigger: what it stores, what it fires, and that it never holds up the loop it shares."""

from __future__ import annotations

import asyncio
import pkgutil
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.exceptions import AirflowException
from asgiref.sync import async_to_sync

from airflow_provider.compat import AirflowTaskTimeout, ask_airflow
from airflow_provider.job_lifecycle.wait import JobWaitSettings, finish
from airflow_provider.triggers.events import ENDED, LOST, TIMED_OUT, JobEvent
from airflow_provider.triggers.job import _UNDER_WAY, JobTrigger
from datalake_ops.errors import JobWaitTimeoutError, UnauthorizedError
from datalake_ops.hook import DatalakeHook
from datalake_ops.retryability import Remedy, remedy_of, told_delay
from datalake_ops.testing.server import PlatformServer
from datalake_ops.wire.jobs import Job, JobStatus
from tests.airflow.versions import deserialize, serialize

# Longer than anything here takes, also on a busy machine.
SECONDS = 120.0


async def fired(trigger: JobTrigger) -> list[Any]:
    return [event.payload async for event in trigger.run()]


def test_the_trigger_survives_the_way_to_another_process() -> None:
    trigger = JobTrigger("lake", str(uuid4()), poll_interval=2.5, deadline_at=1.8e9, fire_after=1.7e9)

    path, kwargs = trigger.serialize()
    again = pkgutil.resolve_name(path)(**deserialize(serialize(kwargs)))

    assert type(again) is JobTrigger
    assert again.serialize() == (path, kwargs)


def a_task_context(execution_timeout: timedelta | None = None, running_for: float = 0.0) -> Any:
    started_at = datetime.now(UTC) - timedelta(seconds=running_for)
    return {
        "task": SimpleNamespace(execution_timeout=execution_timeout),
        "ti": SimpleNamespace(start_date=started_at),
    }


def test_the_trigger_stores_the_connection_id_the_job_and_numbers_only(platform: PlatformServer) -> None:
    wait = JobWaitSettings("datalake_default", "job", timeout=60, poll_interval=1)
    _, kwargs = wait.deferral(a_task_context())["trigger"].serialize()

    assert kwargs.pop("datalake_conn_id") == "datalake_default"
    assert kwargs.pop("job_id") == "job"
    assert all(value is None or isinstance(value, (int, float)) for value in kwargs.values())
    assert platform.token not in repr(kwargs)
    assert platform.url not in repr(kwargs)


def test_airflow_ends_a_trigger_only_after_its_own_deadline() -> None:
    before = time.time()
    deferral = JobWaitSettings("lake", "job", timeout=100, poll_interval=50).deferral(a_task_context())

    assert before + 100 <= deferral["trigger"].deadline_at <= time.time() + 100
    assert deferral["timeout"].total_seconds() == pytest.approx(200, abs=0.001)
    assert JobWaitSettings("lake", "job").deferral(a_task_context())["timeout"] is None


def test_a_deferred_wait_ends_with_the_tasks_execution_timeout() -> None:
    context = a_task_context(execution_timeout=timedelta(seconds=300), running_for=10)
    overdue_at = (context["ti"].start_date + timedelta(seconds=300)).timestamp()
    before = time.time()

    unlimited, short = (
        JobWaitSettings("lake", "job", timeout=timeout).deferral(context)["trigger"] for timeout in (None, 5)
    )

    assert unlimited.deadline_at == overdue_at
    assert before + 5 <= short.deadline_at <= time.time() + 5


@pytest.mark.parametrize(
    ("running_for", "kind"),
    [(10, JobWaitTimeoutError), (400, AirflowTaskTimeout)],
    ids=["timeout", "execution_timeout"],
)
def test_the_task_learns_which_of_its_deadlines_came(
    platform: PlatformServer, running_for: float, kind: type[BaseException]
) -> None:
    context = a_task_context(execution_timeout=timedelta(seconds=300), running_for=running_for)

    with platform.hook() as hook, pytest.raises(kind, match="too late"):
        finish(JobEvent("job", TIMED_OUT, "too late"), hook, context)


def test_an_error_met_in_the_triggerer_is_the_tasks_error(platform: PlatformServer) -> None:
    event = JobEvent("job", LOST, "wrong token", "UnauthorizedError")

    with platform.hook() as hook, pytest.raises(UnauthorizedError, match="wrong token"):
        finish(event, hook, a_task_context())


def test_a_wait_past_its_deadline_fires_one_event_that_says_so(platform: PlatformServer) -> None:
    with platform.hook() as hook:
        job = hook.import_bucket_objects(["nothing/"])
        hook.wait_for_job(job)
    platform.script_fault("GET", f"/api/v2/job/{job.id}", status=503, count=1000)

    events = asyncio.run(fired(JobTrigger("datalake_default", str(job.id), deadline_at=time.time() + 0.5)))

    assert [event["outcome"] for event in events] == [TIMED_OUT]
    assert str(job.id) in events[0]["message"]


def test_the_event_tells_that_the_job_ended_and_is_held_back(platform: PlatformServer) -> None:
    with platform.hook() as hook:
        job = hook.import_bucket_objects(["nothing/"])
        hook.wait_for_job(job)
    fire_after = time.time() + 0.7

    events = asyncio.run(fired(JobTrigger("datalake_default", str(job.id), fire_after=fire_after)))

    [event] = events
    assert {name: value for name, value in event.items() if value} == {"job_id": str(job.id), "outcome": ENDED}
    assert time.time() >= fire_after


def test_single_failed_polls_do_not_end_the_wait(platform: PlatformServer) -> None:
    with platform.hook() as hook:
        job = hook.import_bucket_objects(["nothing/"])
        hook.wait_for_job(job)
    fault = platform.script_fault("GET", f"/api/v2/job/{job.id}", status=503, count=3)

    events = asyncio.run(fired(JobTrigger("datalake_default", str(job.id), poll_interval=0.05)))

    assert [event["outcome"] for event in events] == [ENDED]
    assert platform.faults_met(fault) == 3


def test_a_job_that_does_not_exist_ends_the_wait(platform: PlatformServer) -> None:
    events = asyncio.run(fired(JobTrigger("datalake_default", str(uuid4()))))

    assert [event["outcome"] for event in events] == [LOST]
    assert events[0]["error"] == "NotFoundError"


def test_a_connection_that_does_not_exist_reaches_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider.hooks.lookup.PATIENCE_SECONDS", 0.1)

    with pytest.raises(AirflowException):
        asyncio.run(fired(JobTrigger("no_such_connection", str(uuid4()))))


def test_waiting_never_holds_up_the_loop(platform: PlatformServer) -> None:
    with platform.hook() as hook:
        job = hook.import_bucket_objects(["nothing/"])
        hook.wait_for_job(job)

    async def longest_pause() -> float:
        waiting = asyncio.create_task(fired(JobTrigger("datalake_default", str(job.id))))
        longest, before = 0.0, time.monotonic()
        while not waiting.done():
            await asyncio.sleep(0.01)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
        await waiting
        return longest

    asyncio.run(fired(JobTrigger("datalake_default", str(job.id))))
    slow = platform.script_fault("GET", f"/api/v2/job/{job.id}", delay=0.6, count=20)

    # Airflow's watchdog complains from 0.2 s on; the first run has paid for the imports. A call that blocks holds the
    # loop up each time, a busy machine only now and then.
    assert any(asyncio.run(longest_pause()) < 0.2 for _ in range(20))
    assert platform.faults_met(slow) > 0


async def killed_impatiently(trigger: JobTrigger, told: threading.Event) -> None:
    """What Airflow 3.3 does: it calls `on_kill` and cancels it at its next turn, here before it tells the state."""
    killing = asyncio.create_task(trigger.on_kill())
    await asyncio.sleep(0.2)
    killing.cancel()
    with suppress(asyncio.CancelledError):
        await killing
    told.set()
    # The triggerer's loop goes on for as long as the triggerer lives.
    deadline = time.monotonic() + SECONDS
    while _UNDER_WAY:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def a_trigger_of_a_task(
    job: Job, monkeypatch: pytest.MonkeyPatch, state: str | None, told: threading.Event | None = None
) -> JobTrigger:
    """A trigger whose task is in a state, which Airflow tells when it is `told` to; None breaks off the answer."""

    def get_task_states(**_: Any) -> dict[str, dict[str, str]]:
        if told is not None:
            assert told.wait(SECONDS)
        if state is None:
            raise OSError("the execution API is away")
        return {"r": {"t": state}}

    monkeypatch.setattr("airflow.sdk.execution_time.task_runner.RuntimeTaskInstance.get_task_states", get_task_states)
    trigger = JobTrigger("datalake_default", str(job.id), cancel_on_kill=True)
    trigger.task_instance = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)
    return trigger


@pytest.mark.needs_airflow("3.3", "older ones do not tell a trigger of a kill")
@pytest.mark.usefixtures("some_data")
def test_a_kill_cancels_the_job_even_when_airflow_does_not_wait_for_it(
    lake: DatalakeHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, told = lake.launch_processing("patient", lake.list_data()), threading.Event()

    asyncio.run(killed_impatiently(a_trigger_of_a_task(job, monkeypatch, "failed", told), told))

    assert lake.wait_for_job(job, timeout=SECONDS, raise_on_failure=False).status is JobStatus.KILLED


@pytest.mark.needs_airflow("3.3", "older ones do not tell a trigger of a kill")
@pytest.mark.usefixtures("some_data")
@pytest.mark.parametrize(
    ("state", "end"),
    [("deferred", JobStatus.RUNNING), ("failed", JobStatus.KILLED), (None, JobStatus.KILLED)],
    ids=["deferred", "failed", "unknown"],
)
def test_a_triggerer_that_only_loses_the_task_leaves_its_job_alone(
    lake: DatalakeHook, monkeypatch: pytest.MonkeyPatch, state: str | None, end: JobStatus
) -> None:
    job = lake.launch_processing("patient", lake.list_data())

    asyncio.run(a_trigger_of_a_task(job, monkeypatch, state).on_kill())

    deadline = time.monotonic() + SECONDS
    while lake.get_job(job).status is not end and time.monotonic() < deadline:
        time.sleep(0.05)
    assert lake.get_job(job).status is end
    lake.cancel_job(job)


def test_what_asks_airflow_from_a_trigger_speaks_on_the_triggerers_own_loop() -> None:
    # As Airflow 3.0 to 3.2 do in the client that their triggers have; two loops would mix up its answers.
    async def speak() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def ask() -> bool:
        return await ask_airflow(async_to_sync(speak)) is asyncio.get_running_loop()

    assert asyncio.run(ask())


async def ended_while_it_waits(trigger: JobTrigger, told: threading.Event) -> None:
    """What Airflow before 3.3 does for every reason alike: it cancels the trigger, and waits for what that does."""
    waiting = asyncio.create_task(fired(trigger))
    await asyncio.sleep(0.5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    told.set()


@pytest.mark.needs_airflow("3.0", "Airflow 2 asks its database for the task's state")
@pytest.mark.usefixtures("some_data")
@pytest.mark.parametrize(
    ("state", "in_time", "end"),
    [
        ("failed", True, JobStatus.KILLED),
        ("success", True, JobStatus.KILLED),
        ("deferred", True, JobStatus.RUNNING),
        ("running", True, JobStatus.RUNNING),
        ("failed", False, JobStatus.RUNNING),
        (None, True, JobStatus.RUNNING),
    ],
    ids=["failed", "success", "deferred", "running", "told too late", "unknown"],
)
def test_before_on_kill_a_cancelled_trigger_cancels_only_the_job_of_a_task_that_was_stopped(
    lake: DatalakeHook,
    monkeypatch: pytest.MonkeyPatch,
    state: str | None,
    in_time: bool,
    end: JobStatus,
) -> None:
    monkeypatch.setattr("airflow_provider.triggers.job._HAS_ON_KILL", False)
    monkeypatch.setattr("airflow_provider.triggers.job._IN_GOOD_HANDS", ("deferred", "scheduled", "queued", "running"))
    monkeypatch.setattr("airflow_provider.triggers.job._STATE_SECONDS", SECONDS if in_time else 1.0)
    job, told = lake.launch_processing("patient", lake.list_data()), threading.Event()
    if in_time:
        told.set()

    asyncio.run(ended_while_it_waits(a_trigger_of_a_task(job, monkeypatch, state, told), told))

    if end is JobStatus.KILLED:
        assert lake.wait_for_job(job, timeout=SECONDS, raise_on_failure=False).status is end
    else:
        assert not lake.get_job(job).status.is_terminal
        lake.cancel_job(job)


@pytest.mark.parametrize(("status", "retry_after"), [(429, 90.0), (408, None), (503, 20.0)])
def test_what_the_platform_told_the_triggerer_decides_about_the_tasks_retry(
    platform: PlatformServer, status: int, retry_after: float | None
) -> None:
    with platform.hook() as hook:
        job = hook.import_bucket_objects(["nothing/"])
    platform.script_fault("GET", f"/api/v2/job/{job.id}", status=status, retry_after=retry_after, count=100)

    [event] = asyncio.run(fired(JobTrigger("datalake_default", str(job.id), max_failed_polls=0)))
    error = JobEvent.read(deserialize(serialize(event))).as_error()

    assert event["outcome"] == LOST
    assert remedy_of(error) is Remedy.WAIT
    assert told_delay(error) == retry_after


@pytest.mark.parametrize("payload", [None, "success", {}, {"outcome": "done"}, {"job_id": "x"}])
def test_events_of_other_origin_are_refused(payload: Any) -> None:
    with pytest.raises(AirflowException, match="never sends"):
        JobEvent.read(payload)
