"""Objects of the bucket that a list names become data, each with its own metadata and tags.

The names stand in `DATALAKE_OBJECTS` here, below `DATALAKE_PREFIX`; a database serves as well.
"""

from __future__ import annotations

import os
from typing import Any

from prefect import flow, task

from prefect_tasks import import_cloud_objects, wait_for_jobs


@task
def wanted(prefix: str) -> dict[str, dict[str, Any]]:
    """Return the objects to import, with their tags and custom metadata."""
    names = os.environ.get("DATALAKE_OBJECTS", "a.jpg,b.jpg").split(",")
    return {
        f"{prefix}{name}": {"tags": ["listed"], "custom_metadata": {"position": number}}
        for number, name in enumerate(names)
    }


@flow(retries=1)
def import_listed_objects(prefix: str = os.environ.get("DATALAKE_PREFIX", "")) -> list[str]:
    """Import and wait; a retry waits for the same jobs, and starts anew only those that failed."""
    jobs = import_cloud_objects("datalake", wanted(prefix))
    return [job["status"] for job in wait_for_jobs("datalake", jobs)]


if __name__ == "__main__":
    print(import_listed_objects())
