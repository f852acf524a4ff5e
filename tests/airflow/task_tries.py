"""One task of one run as Airflow tries it again and again, without an Airflow."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from airflow_provider.operators.processing import LaunchProcessingOperator
from datalake_ops.hook import DatalakeHook
from datalake_ops.wire.jobs import Job, JobStatus


class Store(dict[str, Any]):
    """What Airflow 3.3 gives a task to remember things by."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value


class BrokenStore(Store):
    """Airflow's store while its server cannot be reached."""

    def set(self, key: str, value: Any) -> None:
        raise RuntimeError("the execution API is away")


class Work:
    """One task of one run, tried again and again."""

    def __init__(self, lake: DatalakeHook, store: Store | None = None) -> None:
        self.lake, self.store, self.run_id, self.xcoms = lake, store, uuid4().hex, dict[str, Any]()

    def context(self, try_number: int = 1, max_tries: int = 3) -> Any:
        ti = SimpleNamespace(
            dag_id="d", run_id=self.run_id, task_id="t", map_index=-1, start_date=None, try_number=try_number,
            max_tries=max_tries, xcom_push=lambda key, value: self.xcoms.update({key: value}),
            xcom_pull=lambda task_ids, key, map_indexes: self.xcoms.get(key),
        )  # fmt: skip
        context = {"ti": ti, "dag_run": SimpleNamespace(start_date=datetime(2026, 1, 1, tzinfo=UTC))}
        context["task"] = SimpleNamespace(execution_timeout=None)
        return context if self.store is None else {**context, "task_state_store": self.store}

    def start(self, try_number: int = 1, max_tries: int = 3, **arguments: Any) -> str:
        """Start the job, or find it, without waiting for it."""
        return an_operator(wait_for_completion=False, **arguments).execute(self.context(try_number, max_tries))

    def jobs(self) -> list[Job]:
        return self.lake.find_jobs(labels={"run_id": self.run_id})

    def wait_for(self, *expected: JobStatus) -> None:
        """Wait until the task's jobs, newest first, are in these states."""
        deadline = time.monotonic() + 240
        while (found := [job.status for job in self.jobs()]) != list(expected):
            assert time.monotonic() < deadline, found
            time.sleep(0.1)


def an_operator(**arguments: Any) -> LaunchProcessingOperator:
    given = {"processing": "patient", "tags": ["demo"], "deferrable": False, **arguments}
    return LaunchProcessingOperator(task_id="t", **given)
