"""DAGs that wait for data, in the ways that a test compares."""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider.sensors.data import DataSensor

PARAMS = {"q": "", "count": 1}
WAIT = {"q": "{{ params.q }}", "min_count": "{{ params.count }}", "poke_interval": 0.5, "timeout": 1}
MODES = {"poke": {}, "reschedule": {"mode": "reschedule"}, "defer": {"deferrable": True}}


@dag(schedule=None, params=PARAMS)
def arrivals():
    for name, mode in MODES.items():
        DataSensor(task_id=name, **WAIT, **mode)
        DataSensor(task_id=f"{name}_softly", **WAIT, **mode, soft_fail=True)


arrivals()
