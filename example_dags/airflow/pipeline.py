"""The way of new data into use, as one task group: ingest, process, judge, promote.

The run's parameter `folder` comes from `DATALAKE_FOLDER` unless it is given, `prefix` from `DATALAKE_PREFIX`.
"""

from __future__ import annotations

import os

from airflow.sdk import dag

from airflow_provider.pipeline import datalake_pipeline

PARAMS = {
    "folder": os.environ.get("DATALAKE_FOLDER", "photos"),
    "prefix": os.environ.get("DATALAKE_PREFIX", "incoming/"),
    "batch": "batch-1",
}


@dag(schedule=None, params=PARAMS)
def pipeline():
    """A batch becomes `validated` when it has at least two photographs, of which at most half are blurred."""
    datalake_pipeline(
        "batch",
        batch="{{ params.batch }}",
        upload={"filepaths": "{{ params.folder }}", "source": "camera-one", "fill_metadata": True},
        import_bucket={"prefixes": "{{ params.prefix }}", "source": "bucket"},
        processings=["quality-tagging", {"processing": "thumbnails", "task_id": "make_thumbnails"}],
        gate=[{"min_count": 2}, {"tags": ["blurred"], "max_share": 0.5}],
        promote=["validated"],
        default_args={"deferrable": True},
    )


pipeline()
