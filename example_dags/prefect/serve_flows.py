"""The flows of this package as deployments, served by one process: no work pool, no worker, no image.

`DATALAKE_PREFIX` names what the sync looks at, every ten minutes. A second machine that runs this file shares the work.
"""

from __future__ import annotations

import os

from prefect import serve

from prefect_tasks.flows import ingest_and_process, ingest_bucket, ingest_folder, process_and_wait, sync_bucket

PREFIX = os.environ.get("DATALAKE_PREFIX", "incoming/")

if __name__ == "__main__":
    serve(
        ingest_folder.to_deployment("served"),
        ingest_bucket.to_deployment("served", parameters={"prefix": PREFIX}),
        process_and_wait.to_deployment("served"),
        ingest_and_process.to_deployment("served"),
        # One at a time: a sync that takes longer than ten minutes is not begun twice.
        sync_bucket.to_deployment("served", parameters={"prefix": PREFIX}, interval=600, concurrency_limit=1),
        limit=4,
    )
