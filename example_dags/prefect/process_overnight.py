"""A long processing holds no worker: the run is suspended while it goes on, and resumed when it has ended.

That takes a deployment of this flow, and the job watcher: `python -m prefect_tasks.safety deploy --pool POOL`. Run as a
script, it waits in its process. `persist_result=True` keeps what was done before the run was suspended.
"""

from __future__ import annotations

import os
from typing import Any

from prefect import flow

from prefect_tasks import datalake_guards, launch_processing, list_data, wait_for_jobs

TAG = os.environ.get("DATALAKE_TAG", "ingested")
HOURS = 3600.0


@flow(persist_result=True, **datalake_guards())
def process_overnight(tag: str = TAG, credentials: str = "datalake") -> dict[str, Any]:
    """Start two processings, be suspended once for both, and count the pictures that are fit for use."""
    alike = launch_processing(credentials, "near-duplicates", tags=[tag])
    sharp = launch_processing(credentials, "quality-tagging", tags=[tag], parameters={"blur_threshold": 60})
    done = wait_for_jobs(credentials, [alike, sharp], timeout=12 * HOURS)
    return {"jobs": [job["status"] for job in done], "data": len(list_data(credentials, tags=[tag]))}


if __name__ == "__main__":
    print(process_overnight())
