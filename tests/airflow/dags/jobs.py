"""DAGs with one job each, whose processing is a parameter of the run."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from airflow_provider.operators.processing import LaunchProcessingOperator
from airflow_provider.sensors.job import JobSensor

PARAMS = {"processing": "slow"}
JOB = {"task_id": "job", "processing": "{{ params.processing }}", "tags": ["demo"]}


@dag(schedule=None, params=PARAMS)
def blocking():
    LaunchProcessingOperator(**JOB, deferrable=False)


@dag(schedule=None, params=PARAMS)
def deferred():
    LaunchProcessingOperator(**JOB, deferrable=True)


@dag(schedule=None, params=PARAMS)
def blocking_short():
    LaunchProcessingOperator(**JOB, deferrable=False, timeout=1)


@dag(schedule=None, params=PARAMS)
def deferred_short():
    LaunchProcessingOperator(**JOB, deferrable=True, timeout=6)


@dag(schedule=None, params=PARAMS)
def blocking_leaving():
    LaunchProcessingOperator(**JOB, deferrable=False, timeout=1, on_timeout="leave")


@dag(schedule=None, params=PARAMS)
def deferred_leaving():
    LaunchProcessingOperator(**JOB, deferrable=True, timeout=6, on_timeout="leave")


@dag(schedule=None, params=PARAMS)
def retried():
    LaunchProcessingOperator(
        **JOB, deferrable=False, timeout=2, on_timeout="leave", retries=1, retry_delay=timedelta(0)
    )


@dag(schedule=None, params=PARAMS)
def tried_twice():
    LaunchProcessingOperator(**JOB, deferrable=False, retries=1, retry_delay=timedelta(0))


@dag(schedule=None, params=PARAMS)
def overdue():
    LaunchProcessingOperator(**JOB, deferrable=False, execution_timeout=timedelta(seconds=15))


@dag(schedule=None, params=PARAMS)
def mapped():
    @task
    def limits() -> list[int]:
        return [1, 2, 3]

    LaunchProcessingOperator.partial(**JOB, deferrable=True).expand(limit=limits())


@dag(schedule=None, params=PARAMS)
def sensed():
    launched = LaunchProcessingOperator(**JOB, wait_for_completion=False)
    JobSensor(task_id="poke", job_id=launched.output, poke_interval=0.5, timeout=600)
    JobSensor(task_id="defer", job_id=launched.output, poke_interval=0.5, timeout=600, deferrable=True)


@dag(schedule=None, params=PARAMS)
def impatient():
    launched = LaunchProcessingOperator(**JOB, wait_for_completion=False)
    waits = {"job_id": launched.output, "poke_interval": 0.5, "timeout": 1}
    JobSensor(task_id="poke", **waits)
    JobSensor(task_id="defer", **waits, deferrable=True)
    JobSensor(task_id="poke_softly", **waits, soft_fail=True)
    JobSensor(task_id="defer_softly", **waits, soft_fail=True, deferrable=True)


blocking()
deferred()
blocking_short()
deferred_short()
blocking_leaving()
deferred_leaving()
retried()
tried_twice()
overdue()
mapped()
sensed()
impatient()
