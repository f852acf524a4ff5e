"""What both sensors do alike, whether they poke or defer: time limits, patience, skipping, and the kind of an error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from airflow_provider import compat
from airflow_provider.compat import (
    BEFORE_3,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    TaskDeferred,
)
from airflow_provider.job_lifecycle import retry_policy
from airflow_provider.sensors.data import DataSensor
from airflow_provider.sensors.job import JobSensor
from airflow_provider.triggers.events import LOST, TIMED_OUT
from datalake_ops.errors import TooManyRequestsError, UnauthorizedError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.server import PlatformServer
from datalake_ops.waiting.schedule import WaitSchedule

pytestmark = pytest.mark.newest_airflow("what a sensor decides is ours; the examples run each sensor on every Airflow")

NEVER = "00000000-0000-4000-8000-000000000000"
SENSORS = pytest.mark.parametrize("kind", [JobSensor, DataSensor])


def a_sensor(kind: Any, job_id: str = NEVER, **options: Any) -> Any:
    given = {"job_id": job_id} if kind is JobSensor else {"min_count": 10}
    return kind(task_id="t", poke_interval=0.1, **given, **options)


def a_context(sensor: Any, running_for: float = 0.0) -> Any:
    started_at = datetime.now(UTC) - timedelta(seconds=running_for)
    return {"ti": SimpleNamespace(xcom_push=lambda **_: None, start_date=started_at, map_index=-1), "task": sensor}


def an_event(outcome: str, **told: Any) -> dict[str, Any]:
    return {"job_id": NEVER, "outcome": outcome, "message": "too bad", **told}


def resumed(sensor: Any, event: dict[str, Any], running_for: float = 0.0) -> Any:
    return sensor.resume_execution("execute_complete", {"event": event}, a_context(sensor, running_for))


def given_up(sensor: Any, running_for: float = 0.0) -> Any:
    """Resume a sensor whose trigger did not fire in time."""
    error = "Trigger/execution timeout" if BEFORE_3 else "Trigger timeout"
    return sensor.resume_execution("__fail__", {"error": error}, a_context(sensor, running_for))


@pytest.fixture
def job_id(lake: DatalakeHook, some_data: list[str]) -> Iterator[str]:
    """A job that goes on for the whole test."""
    job = lake.launch_processing("patient", some_data)
    yield str(job.id)
    lake.cancel_job(job)


@SENSORS
def test_a_deferred_sensor_waits_no_longer_than_its_execution_timeout(kind: Any, job_id: str) -> None:
    sensor = a_sensor(kind, job_id, deferrable=True, timeout=3600, execution_timeout=timedelta(seconds=300))
    context = a_context(sensor, running_for=20)

    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(context)

    assert deferred.value.trigger.deadline_at == (context["ti"].start_date + timedelta(seconds=300)).timestamp()


@SENSORS
def test_a_task_returns_only_when_a_busy_scheduler_has_read_that_it_left(
    kind: Any, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compat, "_SCHEDULER_SECONDS", 1000.0)
    deferring, rescheduled = a_sensor(kind, job_id, deferrable=True), a_sensor(kind, job_id, mode="reschedule")
    soon = AirflowRescheduleException(datetime.now(UTC))
    before = time.time()

    with pytest.raises(TaskDeferred) as deferred:
        deferring.execute(a_context(deferring))
    # What Airflow's own part looks up first differs between its versions.
    with (
        patch.object(BaseSensorOperator, "execute", side_effect=soon),
        pytest.raises(AirflowRescheduleException) as again,
    ):
        rescheduled.execute(a_context(rescheduled))

    assert deferred.value.trigger.fire_after >= before + 1000
    assert again.value.reschedule_date.timestamp() >= before + 1000


@SENSORS
@pytest.mark.parametrize(
    ("running_for", "error"), [(10, AirflowSensorTimeout), (400, AirflowTaskTimeout)], ids=["timeout", "execution"]
)
def test_a_resumed_sensor_learns_which_of_its_deadlines_came(kind: Any, running_for: float, error: Any) -> None:
    sensor = a_sensor(kind, execution_timeout=timedelta(seconds=300))

    with pytest.raises(error, match="too bad"):
        resumed(sensor, an_event(TIMED_OUT), running_for)


@SENSORS
def test_an_overdue_sensor_is_not_skipped_by_soft_fail(kind: Any) -> None:
    sensor = a_sensor(kind, execution_timeout=timedelta(seconds=300), soft_fail=True)

    with pytest.raises(AirflowTaskTimeout):
        resumed(sensor, an_event(TIMED_OUT), running_for=400)


@SENSORS
def test_a_sensor_whose_trigger_told_nothing_in_time_says_which_deadline_came(kind: Any, job_id: str) -> None:
    sensor = a_sensor(kind, job_id, execution_timeout=timedelta(seconds=300))

    with pytest.raises(AirflowSensorTimeout, match=r"(last status|of 10 are there).*gave up the trigger"):
        given_up(sensor)
    with pytest.raises(AirflowTaskTimeout, match="gave up the trigger"):
        given_up(sensor, running_for=400)
    with pytest.raises(AirflowSkipException):
        given_up(a_sensor(kind, job_id, soft_fail=True))


def test_a_sensor_whose_trigger_told_nothing_in_time_takes_what_is_there(
    lake: DatalakeHook, some_data: list[str]
) -> None:
    job = lake.launch_processing("quick", some_data)
    lake.wait_for_job(job)

    assert given_up(a_sensor(JobSensor, str(job.id))) == str(job.id)
    assert given_up(DataSensor(task_id="t", min_count=len(some_data))) == len(some_data)


@SENSORS
def test_a_sensor_is_too_late_on_a_platform_that_tells_nothing_either(
    kind: Any, job_id: str, platform: PlatformServer
) -> None:
    looks = {JobSensor: "/api/v2/job/[^/]+$", DataSensor: "/datalake/[^/]+/datas"}
    refused = platform.script_fault("*", looks[kind], status=403)

    with pytest.raises(AirflowSensorTimeout, match=r"403.*gave up the trigger"):
        given_up(a_sensor(kind, job_id))

    assert platform.faults_met(refused) == 1


@SENSORS
@pytest.mark.usefixtures("platform")
def test_a_resumed_sensor_raises_the_error_that_its_trigger_met(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_policy, "HAS_RETRY_POLICIES", True)
    busy = an_event(LOST, error="TooManyRequestsError", status=429, retry_after=90)

    with pytest.raises(UnauthorizedError, match="too bad"):
        resumed(a_sensor(kind), an_event(LOST, error="UnauthorizedError", status=401))
    with pytest.raises(TooManyRequestsError) as caught:
        resumed(a_sensor(kind), busy)

    assert (caught.value.status, caught.value.retry_after) == (429, 90)


@SENSORS
@pytest.mark.usefixtures("platform")
def test_a_resumed_sensor_is_not_retried_by_what_no_retry_mends_before_policies(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_policy, "HAS_RETRY_POLICIES", False)

    with pytest.raises(AirflowFailException, match="UnauthorizedError"):
        resumed(a_sensor(kind), an_event(LOST, error="UnauthorizedError", status=401))


@pytest.mark.parametrize(("interval", "shown"), [(0.0, 1), (None, 0)])
def test_a_sensor_shows_each_new_line_of_its_jobs_log_once_while_it_pokes(
    interval: float | None, shown: int, lake: DatalakeHook, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    log = SimpleNamespace(info=lambda text, *values: said.append(text % values), warning=lambda *_, **__: None)
    monkeypatch.setattr(JobSensor, "log", log, raising=False)
    sensor = a_sensor(JobSensor, job_id, log_interval=interval, timeout=4, soft_fail=True)
    until_it_has_said_something(lake, job_id)

    with suppress(AirflowSkipException):
        sensor.execute(a_context(sensor))

    assert said.count("| opened 3 files") == shown


def test_a_deferred_sensor_follows_its_jobs_log(job_id: str) -> None:
    sensor = a_sensor(JobSensor, job_id, log_interval=7.0, deferrable=True)

    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(a_context(sensor))

    assert deferred.value.trigger.serialize()[1]["log_interval"] == 7.0


def until_it_has_said_something(lake: DatalakeHook, job_id: str) -> None:
    deadline = time.monotonic() + 240
    while not lake.job_log(job_id):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@SENSORS
@pytest.mark.usefixtures("platform")
def test_a_sensor_that_never_fails_is_skipped_when_deferred_too(kind: Any, platform: PlatformServer) -> None:
    sensor = a_sensor(kind, never_fail=True, deferrable=True)
    platform.script_fault("*", "/job/|/datas", status=403)

    with pytest.raises(AirflowSkipException):
        sensor.execute(a_context(sensor))
    with pytest.raises(AirflowSkipException):
        resumed(sensor, an_event(LOST, error="UnauthorizedError", status=401))


@SENSORS
@pytest.mark.usefixtures("lake")
def test_a_sensor_gives_the_platform_as_long_as_its_trigger_would(kind: Any) -> None:
    with a_sensor(kind).platform() as datalake:
        assert datalake.connection.retry.budget == WaitSchedule().tolerated_silence


def test_a_connection_that_cannot_be_right_forbids_retries_before_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_policy, "HAS_RETRY_POLICIES", False)
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", '{"conn_type": "datalake", "host": "http://127.0.0.1:1"}')
    sensor = a_sensor(DataSensor, datalake_conn_id="wrong")

    with pytest.raises(AirflowFailException, match="ConfigurationError"):
        sensor.poke(a_context(sensor))
