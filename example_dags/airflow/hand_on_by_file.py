"""Hand a long list of data from task to task as a file, of which only the address is an XCom.

The run's parameter `ids` is a path on a disk that all workers share, or an address like `s3://bucket/ids.txt`.
"""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider.operators.data import ListDataOperator
from airflow_provider.operators.processing import LaunchProcessingOperator
from airflow_provider.operators.tags import TagDataOperator


@dag(schedule=None, params={"ids": "ids.txt", "tag": "demo"})
def hand_on_by_file():
    """List once; process and tag exactly what was listed."""
    listed = ListDataOperator(task_id="list_data", tags=["{{ params.tag }}"], ids_to="{{ params.ids }}")
    ids = listed.output["data_ids_file"]
    processed = LaunchProcessingOperator(task_id="thumbnails", processing="thumbnails", data_ids=ids, deferrable=True)
    processed >> TagDataOperator(task_id="mark", data_ids=ids, add=["has-thumbnail"])


hand_on_by_file()
