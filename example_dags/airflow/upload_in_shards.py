"""Upload a large folder with many tasks at once: plan the shards, map the upload over them, join the reports.

The run's parameter `folder` comes from `DATALAKE_FOLDER` unless it is given; every worker has to see it, so on more
than one machine it is a shared disk or an address like `s3://bucket/prefix/`. A shard that is retried sends only what
the lake does not hold.
"""

from __future__ import annotations

import os

from airflow.sdk import dag

from airflow_provider.operators.shards import MergeReportsOperator, PlanShardsOperator
from airflow_provider.operators.upload import UploadDataOperator

PARAMS = {"folder": os.environ.get("DATALAKE_FOLDER", "photos"), "max_files": 5000}


@dag(schedule=None, params=PARAMS)
def upload_in_shards():
    """One mapped task for each shard; the run fails when more than one file in a hundred does."""
    plan = PlanShardsOperator(task_id="plan", filepaths="{{ params.folder }}", max_files="{{ params.max_files }}")
    upload = UploadDataOperator.partial(
        task_id="upload", tags=["line-3"], raise_on="never", retries=2, map_index_template="{{ task.shard['name'] }}"
    ).expand(shard=plan.output)
    MergeReportsOperator(task_id="merge", summaries=upload.output, max_failed=0.01)


upload_in_shards()
