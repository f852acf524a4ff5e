"""Make a tag for each batch, and do something for every batch that the lake knows."""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider.operators.data import ListDataOperator
from airflow_provider.operators.tags import GetOrCreateDataTagOperator, ListDataTagsOperator, TagDataOperator


@dag(schedule=None, params={"batch": "batch-1", "tag": "demo"})
def tag_batches():
    """Put a batch's tag on data, then count each batch in a mapped task of its own."""
    tag = GetOrCreateDataTagOperator(task_id="tag", name="{{ params.batch }}")
    mark = TagDataOperator(task_id="mark", tags=["{{ params.tag }}"], add=tag.output["name"])
    batches = ListDataTagsOperator(task_id="batches", prefix="batch-")
    mark >> batches
    ListDataOperator.partial(task_id="count", max_ids=0, map_index_template="{{ task.tags }}").expand(
        tags=batches.output
    )


tag_batches()
