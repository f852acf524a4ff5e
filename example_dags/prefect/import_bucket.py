"""Import of the bucket's objects under a prefix; running it again imports only what is new."""

from __future__ import annotations

import os
from typing import Any

from prefect import flow

from prefect_tasks import import_bucket_objects, wait_for_job


@flow(retries=1)
def import_bucket(prefix: str = os.environ.get("DATALAKE_PREFIX", "")) -> dict[str, Any]:
    """Import and wait; a retry waits for the same job, unless that job failed."""
    # An empty prefix in a list is the whole bucket.
    job = import_bucket_objects("datalake", [prefix], tags=["imported"], source="bucket")
    return wait_for_job("datalake", job, timeout=600)


if __name__ == "__main__":
    print(import_bucket())
