"""DAGs that upload, each in a way of its own; the source is a parameter of the run."""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider.operators.shards import MergeReportsOperator, PlanShardsOperator
from airflow_provider.operators.upload import UploadDataOperator

PARAMS = {"source": "", "ids": "", "report": "", "storage_conn_id": "", "max_failed": 0}
SOURCE = "{{ params.source }}"


@dag(schedule=None, params=PARAMS)
def uploads():
    UploadDataOperator(task_id="upload", filepaths=SOURCE, ids_to="{{ params.ids }}", report="{{ params.report }}")


@dag(schedule=None, params=PARAMS)
def uploads_manifest():
    UploadDataOperator(task_id="upload", manifest=SOURCE, max_failed=0.5)


@dag(schedule=None, params=PARAMS)
def uploads_from_storage():
    store = {"storage_conn_id": "{{ params.storage_conn_id }}"}
    plan = PlanShardsOperator(task_id="plan", filepaths=SOURCE, max_files=2, **store)
    upload = UploadDataOperator.partial(
        task_id="upload", ids_to="{{ params.ids }}/{{ ti.map_index }}.txt", raise_on="never", storage_conn_id=None
    ).expand(shard=plan.output)
    MergeReportsOperator(
        task_id="merge", summaries=upload.output, ids_to="{{ params.ids }}/all.txt", max_failed=0, **store
    )


@dag(schedule=None, params=PARAMS)
def plans_too_many():
    PlanShardsOperator(task_id="plan", filepaths=SOURCE, max_files=1, max_shards=2)


uploads()
uploads_manifest()
uploads_from_storage()
plans_too_many()
