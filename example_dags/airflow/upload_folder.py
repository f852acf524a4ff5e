"""Upload a folder of photographs; the task returns counts and ids, and keeps a report with a line per file.

The run's parameter `folder` comes from `DATALAKE_FOLDER` unless it is given.
"""

from __future__ import annotations

import os

from airflow.sdk import dag

from airflow_provider.operators.upload import UploadDataOperator

PARAMS = {"folder": os.environ.get("DATALAKE_FOLDER", "photos"), "report": "report.jsonl"}


@dag(schedule=None, params=PARAMS)
def upload_folder():
    """Upload every image and video of a folder, with tags, source, EXIF and custom metadata."""
    UploadDataOperator(
        task_id="upload",
        filepaths="{{ params.folder }}",
        tags=["line-3"],
        source="camera-one",
        fill_metadata=True,
        custom_metadata={"shift": "night", "run": "{{ run_id }}"},
        report="{{ params.report }}",
        raise_on="all",
    )


upload_folder()
