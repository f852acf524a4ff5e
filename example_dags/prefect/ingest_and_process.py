"""Photographs from a folder and from the bucket go into the lake, and two processings look at them.

The same pipeline as `example_dags/airflow/ingest_and_process.py`. A run that is cancelled cancels its jobs.
The lake is the saved block `datalake`, or else that of `DATALAKE_HOST` and `DATALAKE_API_TOKEN`. `DATALAKE_FOLDER` (a
folder that the worker can read) and `DATALAKE_PREFIX` (of the names of the bucket's objects) say what to take, or the
run's parameters `folder` and `prefix` do; with `DATALAKE_MAX_FAILED` some files may fail.
"""

from __future__ import annotations

import os

from prefect import flow

from prefect_tasks import (
    datalake_guards,
    import_bucket_objects,
    launch_processing,
    list_data,
    upload_data,
    wait_for_job,
)

FOLDER = os.environ.get("DATALAKE_FOLDER", "photos")
PREFIX = os.environ.get("DATALAKE_PREFIX", "incoming/")
LENIENT = "DATALAKE_MAX_FAILED" in os.environ


@flow(**datalake_guards())
def ingest_and_process(folder: str = FOLDER, prefix: str = PREFIX, credentials: str = "datalake") -> list[str]:
    """Upload, import, process, and list what is there now."""
    imported = import_bucket_objects(credentials, [prefix], tags=["demo"], source="bucket")
    upload_data(credentials, folder, tags=["demo"], source="camera", fill_metadata=True, allow_failures=LENIENT)
    wait_for_job(credentials, imported)
    quality = launch_processing(credentials, "quality-tagging", tags=["demo"])
    thumbnails = launch_processing(credentials, "thumbnails", tags=["demo"])
    wait_for_job(credentials, quality)
    wait_for_job(credentials, thumbnails)
    return list_data(credentials, tags=["demo"])


if __name__ == "__main__":
    ingest_and_process()
