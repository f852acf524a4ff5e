"""A DAG that starts when thumbnails were made, whoever launched the processing, but not by a job of its own."""

from __future__ import annotations

from airflow.sdk import Asset, AssetWatcher, dag, get_current_context, task

from airflow_provider.triggers.watch import DatalakeJobsTrigger
from airflow_provider.watch_events import ended_jobs

ended = DatalakeJobsTrigger(processing="thumbnails", exclude_labels={"dag_id": "watch_jobs"})
new_thumbnails = Asset("new-thumbnails", watchers=[AssetWatcher(name="ended", trigger=ended)])


@dag(schedule=[new_thumbnails])
def watch_jobs():
    """Say which jobs ended."""

    @task(inlets=[new_thumbnails])
    def tell() -> list[str]:
        return [job["id"] for job in ended_jobs(get_current_context())]

    tell()


watch_jobs()
