"""Tasks, one file per resource; each takes credentials first: a block, or the name of a saved one.

A task whose name begins with `a` (and `await_job`, `await_jobs`) is the async twin of the one without it.
"""

from prefect_tasks.tasks.cloud_objects import aimport_cloud_objects, import_cloud_objects
from prefect_tasks.tasks.data import afind_data, alist_data, aupdate_data, find_data, list_data, update_data
from prefect_tasks.tasks.downloads import adownload_data, download_data
from prefect_tasks.tasks.jobs import (
    aimport_bucket_objects,
    alaunch_processing,
    import_bucket_objects,
    launch_processing,
)
from prefect_tasks.tasks.projections import acreate_projection, create_projection
from prefect_tasks.tasks.retries import aretry_failed_files, retry_failed_files
from prefect_tasks.tasks.tags import aget_or_create_tag, atag_data, get_or_create_tag, tag_data
from prefect_tasks.tasks.uploads import aupload_data, upload_data
from prefect_tasks.tasks.waits import await_job, await_jobs, wait_for_job, wait_for_jobs

__all__ = [
    "acreate_projection",
    "adownload_data",
    "afind_data",
    "aget_or_create_tag",
    "aimport_bucket_objects",
    "aimport_cloud_objects",
    "alaunch_processing",
    "alist_data",
    "aretry_failed_files",
    "atag_data",
    "aupdate_data",
    "aupload_data",
    "await_job",
    "await_jobs",
    "create_projection",
    "download_data",
    "find_data",
    "get_or_create_tag",
    "import_bucket_objects",
    "import_cloud_objects",
    "launch_processing",
    "list_data",
    "retry_failed_files",
    "tag_data",
    "update_data",
    "upload_data",
    "wait_for_job",
    "wait_for_jobs",
]
