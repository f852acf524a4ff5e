"""A DAG that starts when new photographs arrive; nothing is scheduled and nothing is polled by a worker.

One poll of the triggerer serves all watchers of a connection. What the DAG does to the photographs (a tag, a
processing) starts it no second time, for it watches another tag; what it would upload is excluded by its source.
"""

from __future__ import annotations

from airflow.sdk import Asset, AssetWatcher, dag, get_current_context, task

from airflow_provider.operators.processing import LaunchProcessingOperator
from airflow_provider.operators.tags import TagDataOperator
from airflow_provider.triggers.watch import DatalakeDataTrigger
from airflow_provider.watch_events import new_data_ids

arrived = DatalakeDataTrigger(tags=["arrived"], exclude_sources=["watch_new_data"])
new_photographs = Asset("new-photographs", watchers=[AssetWatcher(name="arrived", trigger=arrived)])


@dag(schedule=[new_photographs])
def watch_new_data():
    """Make thumbnails of what arrived, then mark it."""

    @task.short_circuit(inlets=[new_photographs])
    def new_ids() -> list[str]:
        return new_data_ids(get_current_context())

    ids = new_ids()
    thumbnails = LaunchProcessingOperator(task_id="thumbnails", processing="thumbnails", data_ids=ids)
    thumbnails >> TagDataOperator(task_id="mark", data_ids=ids, add=["shown"])


watch_new_data()
