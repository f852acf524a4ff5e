"""Find data by a query and mark them with a tag, so that the next step finds them at once."""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider.operators.tags import TagDataOperator


@dag(schedule=None, params={"tag": "demo"})
def tag_data():
    """Mark the JPEG files of a tag as validated."""
    TagDataOperator(task_id="validate", tags=["{{ params.tag }}"], q='content_type = "image/jpeg"', add=["validated"])


tag_data()
