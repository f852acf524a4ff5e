"""A wait in a thread hears of no signal and no timeout of its flow; it learns of them by asking."""

from __future__ import annotations

import time
from contextvars import copy_context
from threading import Thread
from typing import Any

import pytest
from prefect import flow, get_client, runtime
from prefect.states import Cancelling

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.prefect import wait_until
from datalake_ops.wire.jobs import JobStatus
from prefect_tasks import DatalakeCredentials, wait_for_job
from tests.prefect.job_looks import await_status

pytestmark = pytest.mark.usefixtures("prefect_api", "processings", "some_data")
# A wait that hears nothing goes on for as long.
DEAF = 240.0


@pytest.fixture
def job(lake: DatalakeHook, some_data: list[str]) -> str:
    started = str(lake.launch_processing("patient", some_data, labels={"orchestrator": "prefect"}).id)
    await_status(lake, started, JobStatus.RUNNING)
    return started


def seconds_of(run: Any) -> float:
    started = time.monotonic()
    run()
    return time.monotonic() - started


def test_hears_that_the_run_which_its_own_is_part_of_is_cancelled(
    lake: DatalakeHook, credentials: DatalakeCredentials, job: str
) -> None:
    roots: list[Any] = []

    @flow
    def inner() -> None:
        wait_for_job.submit(credentials, job, timeout=DEAF).result()

    @flow
    def outer() -> None:
        roots.append(runtime.flow_run.id)
        inner()

    def cancel() -> None:
        wait_until("the flow runs", lambda: roots)
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(roots[0], Cancelling())

    person = Thread(target=copy_context().run, args=(cancel,))
    person.start()
    took = seconds_of(lambda: outer(return_state=True))
    person.join()

    await_status(lake, job, JobStatus.KILLED)
    assert took < DEAF / 2


def test_hears_that_its_flow_has_run_out_of_time(
    lake: DatalakeHook, credentials: DatalakeCredentials, job: str
) -> None:
    @flow(timeout_seconds=4)
    def late() -> None:
        wait_for_job.submit(credentials, job, timeout=DEAF)
        # A test has an alarm of its own, so Prefect's comes between two steps of the flow.
        while True:
            time.sleep(0.1)

    took = seconds_of(lambda: late(return_state=True))

    await_status(lake, job, JobStatus.KILLED)
    assert took < DEAF / 2


def test_hears_that_its_flow_was_interrupted(lake: DatalakeHook, credentials: DatalakeCredentials, job: str) -> None:
    @flow
    def interrupted() -> None:
        wait_for_job.submit(credentials, job, timeout=DEAF)
        time.sleep(3)
        raise KeyboardInterrupt

    def run() -> None:
        with pytest.raises(KeyboardInterrupt):
            interrupted()

    assert seconds_of(run) < DEAF / 2
    await_status(lake, job, JobStatus.KILLED)


def test_goes_on_when_its_flow_has_ended_by_itself(
    lake: DatalakeHook, credentials: DatalakeCredentials, job: str
) -> None:
    @flow
    def ended() -> str:
        wait_for_job.submit(credentials, job, timeout=14.0)
        # The thread must have begun, or Prefect drops the task.
        time.sleep(3)
        return "done"

    assert seconds_of(ended) >= 14.0
