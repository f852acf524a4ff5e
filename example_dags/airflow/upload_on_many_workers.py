"""Upload a large folder with many workers, so that a worker that dies costs a little time and nothing else.

The run's parameter `shared` is a place that every worker reaches, such as `s3://bucket/uploads`: journals and reports
lie there. The pool `datalake_uploads` bounds how many tasks upload at once. A shard whose worker died is tried again
elsewhere, resumes from its journal, and sends only what the lake does not hold.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import dag

from airflow_provider.operators.shards import MergeReportsOperator, PlanShardsOperator
from airflow_provider.operators.upload import UploadDataOperator

PARAMS = {
    "folder": os.environ.get("DATALAKE_FOLDER", "photos"),
    "shared": os.environ.get("DATALAKE_SHARED", "uploads"),
    "max_files": 5000,
}
RETRIES = {"retries": 3, "retry_delay": timedelta(seconds=10), "retry_exponential_backoff": True}


@dag(schedule=None, params=PARAMS, default_args={**RETRIES, "execution_timeout": timedelta(hours=2)})
def upload_on_many_workers():
    """Plan the shards, upload each in a task of its own, and join what they report."""
    plan = PlanShardsOperator(task_id="plan", filepaths="{{ params.folder }}", max_files="{{ params.max_files }}")
    upload = UploadDataOperator.partial(
        task_id="upload",
        pool="datalake_uploads",
        tags=["line-3"],
        raise_on="never",
        journal="{{ params.shared }}/journals/{{ run_id }}/{{ ti.map_index }}",
        report="{{ params.shared }}/reports/{{ run_id }}/{{ ti.map_index }}.jsonl",
        map_index_template="{{ task.shard['name'] }}",
    ).expand(shard=plan.output)
    MergeReportsOperator(task_id="merge", summaries=upload.output, max_failed=0.01)


upload_on_many_workers()
