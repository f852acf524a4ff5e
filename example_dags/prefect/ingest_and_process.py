"""Photographs from a folder and from the bucket, uploaded, imported, processed, and listed by their tag.

What to take is a parameter of the run, or of the environment: `DATALAKE_FOLDER` (a folder that the worker can read),
`DATALAKE_PREFIX` (of object names in the lake's bucket) and `DATALAKE_TAG`. The lake is the saved block `datalake`, or
else that of `DATALAKE_HOST` and `DATALAKE_API_TOKEN`. A run that is cancelled cancels its jobs.
"""

from __future__ import annotations

import os

from prefect import flow

from prefect_tasks import import_bucket_objects, launch_processing, list_data, upload_data, wait_for_job
from prefect_tasks.guards import job_guards

FOLDER = os.environ.get("DATALAKE_FOLDER", "photographs")
PREFIX = os.environ.get("DATALAKE_PREFIX", "")
TAG = os.environ.get("DATALAKE_TAG", "ingested")


@flow(**job_guards())
def ingest_and_process(
    folder: str = FOLDER, prefix: str = PREFIX, tag: str = TAG, credentials: str = "datalake"
) -> list[str]:
    """Upload, import, process, and list by tag; the waits cancel their jobs when the run is cancelled."""
    imported = import_bucket_objects(credentials, [prefix], tags=[tag], source="bucket")
    upload_data(credentials, folder, tags=[tag], source="camera", fill_metadata=True)
    wait_for_job(credentials, imported)
    quality = launch_processing(credentials, "quality-tagging", tags=[tag])
    thumbnails = launch_processing(credentials, "thumbnails", tags=[tag])
    wait_for_job(credentials, quality)
    wait_for_job(credentials, thumbnails)
    return list_data(credentials, tags=[tag])


if __name__ == "__main__":
    ingest_and_process()
