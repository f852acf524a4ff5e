"""Operators and sensor through `dag.test()`: jobs that succeed, fail, take too long, are retried and mapped."""

from __future__ import annotations

import time
from typing import Any

import pytest

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.airflow import DagOutcome, load_dags, run_dag
from datalake_ops.wire.jobs import JobStatus
from tests.airflow.versions import AIRFLOW, TEST_DAGS, first_of

DAGS = load_dags(TEST_DAGS)
SUCCESS, FAILED, SKIPPED = "success", "failed", "skipped"


def run(dag_id: str, processing: str = "slow", **conf: Any) -> DagOutcome:
    return run_dag(DAGS[dag_id], {"processing": processing, **conf})


def jobs_of(lake: DatalakeHook, outcome: DagOutcome) -> list[Any]:
    return lake.find_jobs(labels={"run_id": outcome.run_id})


def assert_runs(lake: DatalakeHook, job_id: Any) -> None:
    """A job that was left runs, or has yet to begin: then it does soon."""
    deadline = time.monotonic() + 120
    while (status := lake.get_job(job_id).status) is not JobStatus.RUNNING:
        assert not status.is_terminal
        assert time.monotonic() < deadline, status
        time.sleep(0.2)


@pytest.mark.usefixtures("some_data")
@pytest.mark.parametrize("dag_id", ["blocking", "deferred"])
def test_a_job_that_succeeds_gives_its_id_and_its_links(lake: DatalakeHook, dag_id: str) -> None:
    outcome = run(dag_id)

    jobs = jobs_of(lake, outcome)
    assert outcome.tasks == {"job": SUCCESS}
    assert [str(job.id) for job in jobs] == [outcome.xcom("job")]
    assert jobs[0].status.succeeded
    assert outcome.xcom("job", "_link_JobLink") == lake.job_url(jobs[0])
    assert outcome.xcom("job", "_link_DatalakeLink") == lake.datalake_url('tags.name in ("demo")')


@pytest.mark.usefixtures("some_data")
@pytest.mark.parametrize("dag_id", ["blocking", "deferred"])
def test_a_job_that_fails_fails_its_task_with_its_last_words(
    lake: DatalakeHook, dag_id: str, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = run(dag_id, "failing")

    shown = capfd.readouterr().out
    assert outcome.tasks == {"job": FAILED}
    assert [job.status for job in jobs_of(lake, outcome)] == [JobStatus.FAILED]
    assert "JobFailedError" in shown
    assert "exit code 3" in shown
    assert "the lens cap was on" in shown


@pytest.mark.newest_airflow("a deadline and a verdict are decided by us")
@pytest.mark.usefixtures("some_data")
@pytest.mark.parametrize("dag_id", ["blocking_short", "deferred_short"])
def test_a_wait_that_takes_too_long_fails_the_task_and_cancels_the_job(
    lake: DatalakeHook, dag_id: str, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = run(dag_id, "patient")

    assert outcome.tasks == {"job": FAILED}
    assert [job.status for job in jobs_of(lake, outcome)] == [JobStatus.KILLED]
    assert "JobWaitTimeoutError" in capfd.readouterr().out


@pytest.mark.newest_airflow("a deadline and a verdict are decided by us")
@pytest.mark.usefixtures("some_data")
@pytest.mark.parametrize("dag_id", ["blocking_leaving", "deferred_leaving"])
def test_a_job_that_is_to_be_left_survives_the_timeout_of_its_task(lake: DatalakeHook, dag_id: str) -> None:
    outcome = run(dag_id, "patient")

    [job] = jobs_of(lake, outcome)
    assert outcome.tasks == {"job": FAILED}
    assert_runs(lake, job.id)
    lake.cancel_job(job)


@pytest.mark.usefixtures("some_data")
def test_a_task_that_airflow_ends_for_its_execution_timeout_cancels_its_job(lake: DatalakeHook) -> None:
    if AIRFLOW < (3, 0):
        # There `dag.test()` lets a task's time-out escape.
        with pytest.raises(first_of("airflow.exceptions:AirflowTaskTimeout")):
            run("overdue", "patient")
    else:
        assert run("overdue", "patient").tasks == {"job": FAILED}

    assert [job.status for job in lake.find_jobs(labels={"dag_id": "overdue"})] == [JobStatus.KILLED]


@pytest.mark.usefixtures("some_data")
def test_a_retry_waits_for_the_job_that_the_first_try_started(lake: DatalakeHook) -> None:
    # Each try waits for 2 s, and the job takes longer than both: the second must find it, and start no other.
    outcome = run("retried", "patient")

    [job] = jobs_of(lake, outcome)
    assert outcome.tasks == {"job": FAILED}
    assert_runs(lake, job.id)
    lake.cancel_job(job)


@pytest.mark.newest_airflow("a deadline and a verdict are decided by us")
@pytest.mark.usefixtures("some_data")
def test_a_retry_after_a_failed_job_starts_one_more(lake: DatalakeHook) -> None:
    outcome = run("retried", "second-time-lucky")

    assert outcome.tasks == {"job": SUCCESS}
    assert sorted(job.status for job in jobs_of(lake, outcome)) == [JobStatus.FAILED, JobStatus.SUCCEEDED]


@pytest.mark.usefixtures("some_data")
def test_every_mapped_task_has_a_job_of_its_own(lake: DatalakeHook) -> None:
    outcome = run("mapped", "quick")

    jobs = jobs_of(lake, outcome)
    assert set(outcome.tasks.values()) == {SUCCESS}
    assert {str(job.id) for job in jobs} == {outcome.xcom(f"job[{index}]") for index in range(3)}
    assert {job.labels["map_index"] for job in jobs} == {"0", "1", "2"}


@pytest.mark.usefixtures("some_data")
def test_sensors_wait_by_poking_and_by_deferring(lake: DatalakeHook) -> None:
    outcome = run("sensed")

    assert outcome.tasks == dict.fromkeys(("job", "poke", "defer"), SUCCESS)
    assert outcome.xcom("poke") == outcome.xcom("defer") == outcome.xcom("job")


@pytest.mark.newest_airflow("a deadline and a verdict are decided by us")
@pytest.mark.usefixtures("some_data")
def test_sensors_that_wait_too_long_fail_or_skip_and_leave_the_job(lake: DatalakeHook) -> None:
    outcome = run("impatient", "patient")

    soft = {"poke_softly": SKIPPED, "defer_softly": SKIPPED}
    assert outcome.tasks == {"job": SUCCESS, "poke": FAILED, "defer": FAILED, **soft}
    assert_runs(lake, outcome.xcom("job"))
    lake.cancel_job(outcome.xcom("job"))


@pytest.mark.newest_airflow("a deadline and a verdict are decided by us")
@pytest.mark.usefixtures("some_data")
def test_sensors_fail_with_the_job(lake: DatalakeHook, capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run("sensed", "failing")

    assert outcome.tasks["job"] == SUCCESS
    assert outcome.tasks["poke"] == outcome.tasks["defer"] == FAILED
    assert "the lens cap was on" in capfd.readouterr().out


@pytest.mark.newest_airflow("a deadline and a verdict are decided by us")
def test_no_data_to_work_on_starts_no_job(lake: DatalakeHook, capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run("blocking")

    assert outcome.tasks == {"job": SKIPPED}
    assert jobs_of(lake, outcome) == []
    assert "No data of the lake match {'tags': ['demo']}." in capfd.readouterr().out


@pytest.mark.newest_airflow("a deadline and a verdict are decided by us")
@pytest.mark.usefixtures("some_data")
def test_a_second_run_in_one_process_leaves_the_job_of_the_first_alone(
    lake: DatalakeHook, caplog: pytest.LogCaptureFixture
) -> None:
    assert run("blocking").tasks == {"job": SUCCESS}
    lake.delete_data(everything=True)

    assert run("blocking").tasks == {"job": SKIPPED}

    assert "is cancelled" not in caplog.text


@pytest.mark.skipif(AIRFLOW >= (3, 0), reason="there test_airflow_inputs maps every field of every operator")
@pytest.mark.usefixtures("some_data")
def test_tasks_mapped_over_nothing_are_skipped_and_touch_nothing(lake: DatalakeHook) -> None:
    outcome = run_dag(DAGS["mapped_nothing"], {})

    mapped = {task: state for task, state in outcome.tasks.items() if task.endswith("]")}
    # Five operators over six values, one over two.
    assert len(mapped) == 5 * 6 + 2
    assert set(mapped.values()) == {SKIPPED}
    assert jobs_of(lake, outcome) == []
    assert "touched" not in [tag.name for tag in lake.list_data_tags()]
