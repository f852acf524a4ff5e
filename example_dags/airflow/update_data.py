"""Find one data by its file name, and write custom metadata and a tag to all data of a tag."""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider.operators.data import FindDataOperator, UpdateDataOperator


@dag(schedule=None, params={"filename": "0.png", "tag": "demo"})
def update_data():
    """What a change does not name stays as it is."""
    found = FindDataOperator(task_id="find", filename="{{ params.filename }}")
    update = UpdateDataOperator(
        task_id="reviewed",
        tags=["{{ params.tag }}"],
        change={"custom_metadata": {"reviewed_in": "{{ run_id }}"}, "tags": ["reviewed"], "data_source": "review"},
    )
    found >> update


update_data()
