"""A connection that is away for a moment ends no wait for a job; one that nobody has fails a task at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider.compat import AIRFLOW_ERRORS
from airflow_provider.hooks import lookup
from airflow_provider.hooks.datalake import DatalakeHook
from airflow_provider.triggers.job import JobTrigger
from datalake_ops.hook import DatalakeHook as SharedHook
from datalake_ops.testing.server import PlatformServer
from tests.airflow.versions import first_of

pytestmark = pytest.mark.needs_airflow("3.0", "Airflow 2 looks connections up elsewhere")


class FailingBackend:
    """A secrets backend that is away for its first calls."""

    def __init__(self, platform: PlatformServer, failures: int) -> None:
        self.platform, self.failures, self.calls = platform, failures, 0

    def get_connection(self, conn_id: str) -> Any:
        self.calls += 1
        if self.calls <= self.failures:
            raise ConnectionError("the vault is sealed")
        if conn_id != "in_the_vault":
            return None
        connection = first_of("airflow.sdk:Connection")
        return connection(conn_id=conn_id, conn_type="datalake", host=self.platform.url, password=self.platform.token)


@pytest.fixture
def backend(platform: PlatformServer, monkeypatch: pytest.MonkeyPatch) -> FailingBackend:
    """The only backend of this process, which fails twice."""
    one = FailingBackend(platform, failures=2)
    monkeypatch.setattr("airflow.sdk.execution_time.supervisor.ensure_secrets_backend_loaded", lambda *_, **__: [one])
    monkeypatch.setattr(lookup, "_FIRST_PAUSE", 0.01)
    return one


@pytest.mark.usefixtures("some_data")
def test_a_trigger_outlasts_a_secrets_backend_that_fails_while_it_starts(
    backend: FailingBackend, platform: PlatformServer
) -> None:
    with platform.hook() as lake:
        tag = lake.get_or_create_data_tag("any")
        job = lake.import_bucket_objects(["nowhere/"], tags=[tag])
    trigger = JobTrigger("in_the_vault", str(job.id), cancel_on_kill=True)

    async def fired() -> Any:
        return [event.payload async for event in trigger.run()]

    [payload] = asyncio.run(fired())

    assert payload["outcome"] == "ended"
    assert backend.calls > 2


def test_a_task_waits_for_a_backend_that_fails(backend: FailingBackend) -> None:
    with DatalakeHook("in_the_vault") as hook:
        assert hook.datalake.context.username

    assert backend.calls > 2


def test_a_connection_that_no_backend_has_fails_a_task_at_once(backend: FailingBackend) -> None:
    backend.failures = 0
    began = time.monotonic()

    with pytest.raises(AirflowNotFoundException):
        _ = DatalakeHook("nowhere").datalake

    assert time.monotonic() - began < 5


def test_once_a_job_runs_an_absent_connection_is_looked_up_again(backend: FailingBackend) -> None:
    backend.failures = 0
    answers = iter(["nowhere", "nowhere", "in_the_vault"])

    class Renamed(DatalakeHook):
        @classmethod
        def get_connection(cls, conn_id: str) -> Any:
            return super().get_connection(next(answers))

    with Renamed("nowhere", job_runs=True) as hook:
        assert isinstance(hook.datalake, SharedHook)


def test_the_error_of_airflows_own_api_is_one_that_is_outlasted() -> None:
    from airflow.sdk.exceptions import AirflowRuntimeError

    assert issubclass(AirflowRuntimeError, AIRFLOW_ERRORS)
