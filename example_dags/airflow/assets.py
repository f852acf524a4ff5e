"""Fill a part of the lake, and tell Airflow of it: `after_assets.py` starts then.

Without the declaration the upload would tell of it all the same, for somebody is scheduled on it; and of `ANY_LAKE`.
"""

from __future__ import annotations

import os

from airflow.sdk import dag

from airflow_provider.lineage.assets import datalake_asset
from airflow_provider.operators.upload import UploadDataOperator

# The names that the platform shows; `datalake_asset(conn_id=...)` takes them from a connection that has them.
night_shift = datalake_asset("photos", "acme", "https://app.picsellia.com", tags=["night-shift"])


@dag(schedule=None, params={"folder": os.environ.get("DATALAKE_FOLDER", "photos")})
def assets():
    """Upload a folder; the event has counts, tags and the lake in its `extra`."""
    UploadDataOperator(task_id="upload", filepaths="{{ params.folder }}", tags=["night-shift"], outlets=[night_shift])


assets()
