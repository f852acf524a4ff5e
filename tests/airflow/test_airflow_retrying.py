"""Which failures Airflow tries again: a policy where it has them, an exception that forbids retries where not."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider import compat
from airflow_provider.compat import AirflowFailException
from airflow_provider.job_lifecycle import retry_policy
from airflow_provider.operators.abstract.stoppable import StoppableOperator
from airflow_provider.operators.data import ListDataOperator, UpdateDataOperator
from airflow_provider.operators.import_bucket import ImportBucketOperator
from airflow_provider.operators.import_objects import PlanImportOperator
from airflow_provider.operators.projection import CreateProjectionOperator
from airflow_provider.operators.shards import MergeReportsOperator, PlanShardsOperator
from airflow_provider.operators.tags import TagDataOperator
from airflow_provider.operators.upload import UploadDataOperator
from airflow_provider.sensors.job import JobSensor
from datalake_ops.errors import (
    DatalakeError,
    JobFailedError,
    JobKilledError,
    JobLostError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
)
from datalake_ops.testing.airflow import load_dags, run_dag
from datalake_ops.testing.server import PlatformServer
from tests.airflow.versions import TEST_DAGS

DAGS = load_dags(TEST_DAGS)
needs_policies = pytest.mark.skipif(not compat.HAS_RETRY_POLICIES, reason="retry policies came with Airflow 3.3")


@needs_policies
@pytest.mark.parametrize(
    ("error", "action", "delay"),
    [
        (UnauthorizedError("wrong token", status=401), "fail", None),
        (TooManyRequestsError("slow down", status=429, retry_after=90), "retry", 90),
        (ServerError("oops", status=502), "retry", None),
        (JobKilledError("killed"), "retry", None),
        (JobLostError("lost"), "retry", None),
        (JobFailedError("failed"), "default", None),
        (ValueError("not ours"), "default", None),
    ],
)
def test_the_policy_translates_the_cores_remedies(error: Exception, action: str, delay: float | None) -> None:
    decision = retry_policy.DatalakeRetryPolicy().evaluate(error, 1, 3)

    assert decision.action.value == action
    assert decision.retry_delay == (None if delay is None else timedelta(seconds=delay))


@needs_policies
def test_operators_and_sensors_have_the_policy_unless_they_are_given_another() -> None:
    own = retry_policy.DatalakeRetryPolicy()
    operators = [
        ImportBucketOperator(task_id="a", prefixes="x/"),
        TagDataOperator(task_id="b", tags=["x"], data_ids=["y"]),
        JobSensor(task_id="c", job_id="z"),
    ]

    assert all(isinstance(one.retry_policy, retry_policy.DatalakeRetryPolicy) for one in operators)
    assert ImportBucketOperator(task_id="d", prefixes="x/", retry_policy=own).retry_policy is own


@needs_policies
def test_the_policy_is_written_down_and_read_again() -> None:
    policy = retry_policy.DatalakeRetryPolicy()

    assert isinstance(
        retry_policy.DatalakeRetryPolicy.deserialize(policy.serialize()), retry_policy.DatalakeRetryPolicy
    )


@pytest.fixture
def before_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_policy, "HAS_RETRY_POLICIES", False)


@pytest.mark.usefixtures("before_policies")
def test_an_airflow_without_policies_is_told_not_to_retry_what_is_hopeless() -> None:
    cause = UnauthorizedError("wrong token", status=401)

    with (
        pytest.raises(AirflowFailException, match="UnauthorizedError: wrong token") as caught,
        retry_policy.failing_at_once(),
    ):
        raise cause

    assert caught.value.__cause__ is cause


@pytest.mark.usefixtures("before_policies")
@pytest.mark.parametrize("error", [ServerError("oops", status=500), JobKilledError("lost"), JobFailedError("failed")])
def test_an_airflow_without_policies_retries_the_rest(error: DatalakeError) -> None:
    with pytest.raises(type(error)), retry_policy.failing_at_once():
        raise error


A_CONTEXT: Any = {"ti": SimpleNamespace(xcom_push=lambda **_: None)}


@pytest.mark.usefixtures("before_policies")
@pytest.mark.parametrize(
    ("operator", "words"),
    [
        (UpdateDataOperator(task_id="t", tags=["x"]), "Give one `change`"),
        (TagDataOperator(task_id="t", tags=["x"]), "needs tags to `add`"),
        (UploadDataOperator(task_id="t", filepaths="x", raise_on="sometimes"), "raise_on"),
        (PlanShardsOperator(task_id="t", max_files=1), "Give filepaths or a manifest"),
        (PlanImportOperator(task_id="t", objects="x", max_objects=0), "max_objects cannot be 0"),
        (MergeReportsOperator(task_id="t", summaries=[{"files": 0}], max_failed=-1), "max_failed"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_argument_that_cannot_be_right_is_not_retried_before_airflow_has_policies(
    operator: StoppableOperator, words: str
) -> None:
    with pytest.raises(AirflowFailException, match=words):
        operator.execute(A_CONTEXT)


@pytest.mark.usefixtures("before_policies", "some_data")
def test_what_the_lakes_answer_makes_a_mistake_is_not_retried_either() -> None:
    listing = ListDataOperator(task_id="t", tags=["demo"], max_ids=2)
    pictures = CreateProjectionOperator(task_id="t", name="mask", pictures={}, on_empty="fail")

    with pytest.raises(AirflowFailException, match="an XCom takes max_ids=2 ids"):
        listing.execute(A_CONTEXT)
    with pytest.raises(AirflowFailException, match="`pictures` is"):
        pictures.execute(A_CONTEXT)


@pytest.mark.usefixtures("some_data")
@pytest.mark.parametrize(("status", "launches"), [(403, 1), (423, 2)])
def test_a_refused_launch_is_tried_again_only_when_that_may_help(
    platform: PlatformServer, status: int, launches: int
) -> None:
    fault = platform.script_fault("POST", "/processing/launch$", status=status, count=1)

    outcome: Any = run_dag(DAGS["tried_twice"], {"processing": "quick"})

    asked = [one for one in platform.requests() if one["path"].endswith("/processing/launch")]
    assert platform.faults_met(fault) == 1
    assert len(asked) == launches
    assert outcome.tasks == {"job": "success" if launches == 2 else "failed"}


@pytest.mark.usefixtures("some_data")
def test_a_task_whose_job_is_lost_is_tried_again(platform: PlatformServer) -> None:
    lost = platform.script_fault("GET", "/api/v2/job/[^/]+$", status=404, count=1)

    outcome: Any = run_dag(DAGS["tried_twice"], {"processing": "quick"})

    assert platform.faults_met(lost) == 1
    assert outcome.tasks == {"job": "success"}
