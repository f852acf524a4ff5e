"""Ingest what a folder got, every hour, by the clock alone; what the lake holds already is left out.

A run that was missed is made up by the next one, for each looks at the whole folder and sends what is new, so there is
nothing to catch up, and one run at a time is enough. `DATALAKE_FOLDER` says which folder.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.sdk import dag

from airflow_provider.operators.upload import UploadDataOperator


@dag(
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2), "retry_exponential_backoff": True},
)
def ingest_every_hour():
    """Upload with a tag for the day; a file in a hundred may be broken, and is tried again in the next hour."""
    UploadDataOperator(
        task_id="upload",
        filepaths=os.environ.get("DATALAKE_FOLDER", "photos"),
        tags=["{{ dag_run.run_after.strftime('day-%Y-%m-%d') }}"],
        source="camera-one",
        fill_metadata=True,
        max_failed=0.01,
        execution_timeout=timedelta(minutes=50),
    )


ingest_every_hour()
