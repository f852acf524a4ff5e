"""One task run, one job: what the key is made of, and which job a retry takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from airflow_provider.job_lifecycle.idempotency import TaskIdentity, submit_once
from datalake_ops.wire.jobs import Job, JobStatus


def a_context(**changes: Any) -> Any:
    ti = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "max_tries": 2, "try_number": 1}
    started_at = changes.pop("started_at", datetime(2026, 1, 1, tzinfo=UTC))
    return {"ti": SimpleNamespace(**{**ti, **changes}), "dag_run": SimpleNamespace(start_date=started_at)}


class Jobs:
    """Answers a known key with the job it started, as the platform does."""

    def __init__(self) -> None:
        self.started: dict[str, Job] = {}

    def submit(self, key: str) -> Job:
        return self.started.setdefault(key, Job(id=uuid4(), status=JobStatus.RUNNING))

    def end_newest(self, status: JobStatus) -> None:
        key = list(self.started)[-1]
        self.started[key] = self.started[key].model_copy(update={"status": status})


@pytest.fixture
def identity() -> TaskIdentity:
    return TaskIdentity.of(a_context())


def test_a_retry_has_the_same_key(identity: TaskIdentity) -> None:
    assert TaskIdentity.of(a_context(try_number=2)).key() == identity.key()


@pytest.mark.parametrize(
    "change",
    [
        {"dag_id": "e"},
        {"run_id": "s"},
        {"task_id": "u"},
        {"map_index": 0},
        {"max_tries": 3},
        {"started_at": datetime(2026, 1, 2, tzinfo=UTC)},
        {"started_at": None},
    ],
)
def test_other_work_has_another_key(identity: TaskIdentity, change: dict[str, Any]) -> None:
    assert TaskIdentity.of(a_context(**change)).key() != identity.key()


def test_fields_that_run_into_each_other_do_not_make_the_same_key() -> None:
    one, other = a_context(dag_id="a", run_id="b-c"), a_context(dag_id="a-b", run_id="c")

    assert TaskIdentity.of(one).key() != TaskIdentity.of(other).key()


def test_the_labels_say_where_a_job_came_from(identity: TaskIdentity, monkeypatch: pytest.MonkeyPatch) -> None:
    # Airflow 2 has its address in another section.
    for section in ("API", "WEBSERVER"):
        monkeypatch.setenv(f"AIRFLOW__{section}__BASE_URL", "http://airflow.example.com")
    mapped = TaskIdentity.of(a_context(map_index=3))

    labels = identity.job_labels("the key")

    assert labels == {
        "orchestrator": "airflow", "airflow": "http://airflow.example.com",
        "dag_id": "d", "run_id": "r", "task_id": "t",
        "generation": identity.generation, "idempotency_key": "the key",
    }  # fmt: skip
    assert mapped.task_labels["map_index"] == "3"


@pytest.mark.parametrize("status", [JobStatus.RUNNING, JobStatus.SUCCEEDED])
def test_a_retry_takes_the_job_that_still_runs_or_did_succeed(identity: TaskIdentity, status: JobStatus) -> None:
    jobs = Jobs()
    first = submit_once(jobs.submit, identity, 1)
    jobs.end_newest(status)

    assert submit_once(jobs.submit, identity, 2).id == first.id
    assert len(jobs.started) == 1


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.KILLED])
def test_a_retry_replaces_a_job_that_ended_badly_by_one_new_job(identity: TaskIdentity, status: JobStatus) -> None:
    jobs = Jobs()
    first = submit_once(jobs.submit, identity, 1)
    jobs.end_newest(status)

    second = submit_once(jobs.submit, identity, 2)
    # The worker died before it could wait; the third try finds the second's job.
    third = submit_once(jobs.submit, identity, 3)

    assert second.id != first.id
    assert third.id == second.id
    assert len(jobs.started) == 2


def test_every_failed_try_gets_one_new_job(identity: TaskIdentity) -> None:
    jobs = Jobs()
    ids = []
    for try_number in range(1, 5):
        ids.append(submit_once(jobs.submit, identity, try_number).id)
        jobs.end_newest(JobStatus.FAILED)

    assert len(set(ids)) == len(jobs.started) == 4


def test_a_first_try_reports_the_failure_of_its_job_instead_of_starting_another(identity: TaskIdentity) -> None:
    jobs = Jobs()
    submit: Callable[[str], Job] = lambda key: jobs.started.setdefault(  # noqa: E731
        key, Job(id=uuid4(), status=JobStatus.FAILED)
    )

    assert submit_once(submit, identity, 1).status is JobStatus.FAILED
    assert len(jobs.started) == 1
