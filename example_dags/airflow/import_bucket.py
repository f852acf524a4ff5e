"""Import what lies in the lake's bucket under a prefix, and wait for the platform without holding a worker.

The run's parameter `prefix` comes from `DATALAKE_PREFIX` unless it is given.
"""

from __future__ import annotations

import os

from airflow.sdk import dag

from airflow_provider.operators.import_bucket import ImportBucketOperator


@dag(schedule=None, params={"prefix": os.environ.get("DATALAKE_PREFIX", "incoming/")})
def import_bucket():
    """Import a prefix; the task returns the id of the platform's job."""
    ImportBucketOperator(
        task_id="import_bucket",
        prefixes=["{{ params.prefix }}"],
        tags=["incoming"],
        source="bucket",
        deferrable=True,
        timeout=3600,
    )


import_bucket()
