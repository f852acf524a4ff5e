"""Launch a processing, once on data that a query finds and once on data that another task names."""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider.operators.data import ListDataOperator
from airflow_provider.operators.processing import LaunchProcessingOperator


@dag(schedule=None, params={"tag": "demo"})
def launch_processing():
    """Thumbnails for all data of a tag, and quality tags for the ten newest of them."""
    LaunchProcessingOperator(task_id="by_filter", processing="thumbnails", tags=["{{ params.tag }}"], deferrable=True)
    newest = ListDataOperator(task_id="newest", tags=["{{ params.tag }}"], order_by=["-created_at"], limit=10)
    LaunchProcessingOperator(
        task_id="by_ids",
        processing="quality-tagging",
        data_ids=newest.output["data_ids"],
        parameters={"blur_threshold": 60},
    )


launch_processing()
