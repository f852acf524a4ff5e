"""Photographs from a folder and from the bucket go into the lake, and two processings look at them.

The same pipeline as `example_dags/prefect/ingest_and_process.py`. While a job runs the task that waits for it is
deferred: it holds no worker, and stopping it stops the job.
The lake is the connection `datalake_default` (`AIRFLOW_CONN_DATALAKE_DEFAULT`). `DATALAKE_FOLDER` (a folder that the
worker can read) and `DATALAKE_PREFIX` (of the names of the bucket's objects) say what to take, or the run's parameters
`folder` and `prefix` do; `DATALAKE_MAX_FAILED`, how many files may fail, none without it.
"""

from __future__ import annotations

import os

from airflow.sdk import dag

from airflow_provider.operators.data import ListDataOperator
from airflow_provider.operators.import_bucket import ImportBucketOperator
from airflow_provider.operators.processing import LaunchProcessingOperator
from airflow_provider.operators.upload import UploadDataOperator

FOLDER = os.environ.get("DATALAKE_FOLDER", "photos")
PREFIX = os.environ.get("DATALAKE_PREFIX", "incoming/")
MAX_FAILED = os.environ.get("DATALAKE_MAX_FAILED")


@dag(schedule=None, params={"folder": FOLDER, "prefix": PREFIX}, default_args={"source": "camera", "deferrable": True})
def ingest_and_process():
    """Upload, import, process, and list what is there now."""
    upload = UploadDataOperator(
        task_id="upload", filepaths="{{ params.folder }}", tags=["demo"], fill_metadata=True, max_failed=MAX_FAILED
    )
    imports = ImportBucketOperator(task_id="import_bucket", prefixes="{{ params.prefix }}", tags=["demo"])
    quality = LaunchProcessingOperator(task_id="quality_tagging", processing="quality-tagging", tags=["demo"])
    thumbnails = LaunchProcessingOperator(task_id="thumbnails", processing="thumbnails", tags=["demo"])
    listed = ListDataOperator(task_id="list_data", tags=["demo"])
    [upload, imports] >> quality >> listed
    [upload, imports] >> thumbnails >> listed


ingest_and_process()
