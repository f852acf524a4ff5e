"""Wait until a batch of photographs is complete, by poking, by rescheduling and by deferring, then go on.

A batch is complete when at least `count` data have its tag and no more have come for two seconds. Only the first task
holds a worker while it waits.
"""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider.operators.tags import TagDataOperator
from airflow_provider.sensors.data import DataSensor


@dag(schedule=None, params={"batch": "batch-1", "count": 3})
def wait_for_data():
    """One batch, three ways to wait for it."""
    batch = {
        "tags": "{{ params.batch }}",
        "min_count": "{{ params.count }}",
        "stable_for": 2,
        "poke_interval": 1,
        "timeout": 600,
    }
    waits = [
        DataSensor(task_id="poke", **batch),
        DataSensor(task_id="reschedule", **batch, mode="reschedule"),
        DataSensor(task_id="defer", **batch, deferrable=True),
    ]
    waits >> TagDataOperator(task_id="complete", tags="{{ params.batch }}", add="complete")


wait_for_data()
