"""What stopping a task on its worker does to its job."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from airflow_provider.operators.abstract.job import JobOperator
from airflow_provider.operators.processing import LaunchProcessingOperator
from datalake_ops.errors import JobKilledError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.server import PlatformServer
from datalake_ops.wire.jobs import JobStatus

pytestmark = pytest.mark.usefixtures("some_data")


def a_context(run_id: str) -> Any:
    ti = {"dag_id": "d", "run_id": run_id, "task_id": "t", "map_index": -1, "max_tries": 0, "try_number": 1}
    pushed = SimpleNamespace(**ti, start_date=None, xcom_push=lambda key, value: None)
    task = SimpleNamespace(execution_timeout=None)
    return {
        "ti": pushed,
        "task": task,
        "dag_run": SimpleNamespace(start_date=datetime(2026, 1, 1, tzinfo=UTC)),
    }


@contextmanager
def stopped_after(seconds: float, operator: JobOperator) -> Iterator[None]:
    """Calls `on_kill` as Airflow does: from a signal handler, in the midst of `execute`, which then goes on."""
    before = signal.signal(signal.SIGALRM, lambda number, frame: operator.on_kill())
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def operator() -> LaunchProcessingOperator:
    return LaunchProcessingOperator(task_id="t", processing="patient", tags=["demo"], deferrable=False)


def test_stopping_the_task_cancels_its_job_and_fails_it(lake: DatalakeHook, operator: LaunchProcessingOperator) -> None:
    run_id = uuid4().hex

    with stopped_after(1.0, operator), pytest.raises(Exception, match=r"was killed|was stopped"):
        operator.execute(a_context(run_id))

    assert [job.status for job in lake.find_jobs(labels={"run_id": run_id})] == [JobStatus.KILLED]


def test_a_stop_while_the_job_is_being_started_cancels_it_all_the_same(
    lake: DatalakeHook, platform: PlatformServer, operator: LaunchProcessingOperator
) -> None:
    run_id = uuid4().hex
    slow_launch = platform.script_fault("POST", "/processing/launch$", delay=1.5)

    with stopped_after(1.0, operator), pytest.raises(Exception, match=r"was killed|was stopped"):
        operator.execute(a_context(run_id))

    assert platform.faults_met(slow_launch) == 1
    assert [job.status for job in lake.find_jobs(labels={"run_id": run_id})] == [JobStatus.KILLED]


def test_a_lost_answer_to_the_launch_starts_no_second_job(
    lake: DatalakeHook, platform: PlatformServer, operator: LaunchProcessingOperator
) -> None:
    run_id = uuid4().hex
    operator.wait_for_completion = False
    lost = platform.script_fault("POST", "/processing/launch$", drop=True)

    job_id = operator.execute(a_context(run_id))

    assert platform.faults_met(lost) == 1
    assert [str(job.id) for job in lake.find_jobs(labels={"run_id": run_id})] == [job_id]
    lake.cancel_job(job_id)


def test_a_platform_that_cannot_cancel_right_now_does_not_hide_the_stop(
    lake: DatalakeHook, platform: PlatformServer, operator: LaunchProcessingOperator
) -> None:
    run_id = uuid4().hex
    refused = platform.script_fault("POST", "/kill$", status=403)

    with stopped_after(1.0, operator), pytest.raises(Exception, match="was stopped") as caught:
        operator.execute(a_context(run_id))

    assert not isinstance(caught.value, JobKilledError)
    assert platform.faults_met(refused) == 1
    for job in lake.find_jobs(labels={"run_id": run_id}):
        lake.cancel_job(job)
