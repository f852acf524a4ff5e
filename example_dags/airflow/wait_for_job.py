"""Start a job in one task and wait for it in another, by poking, by rescheduling and by deferring."""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider.operators.processing import LaunchProcessingOperator
from airflow_provider.sensors.job import JobSensor


@dag(schedule=None, params={"tag": "demo"})
def wait_for_job():
    """One job, three ways to wait for it."""
    launched = LaunchProcessingOperator(
        task_id="launch", processing="thumbnails", tags=["{{ params.tag }}"], wait_for_completion=False
    )
    JobSensor(task_id="poke", job_id=launched.output, poke_interval=1, timeout=600)
    JobSensor(task_id="reschedule", job_id=launched.output, poke_interval=1, timeout=600, mode="reschedule")
    JobSensor(task_id="defer", job_id=launched.output, poke_interval=1, timeout=600, deferrable=True)


wait_for_job()
