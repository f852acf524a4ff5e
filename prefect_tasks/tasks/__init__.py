"""Tasks, one file per resource; each takes credentials first: a block, or the name of a saved one."""

from prefect_tasks.tasks.data import list_data
from prefect_tasks.tasks.jobs import import_bucket_objects, launch_processing
from prefect_tasks.tasks.tags import tag_data
from prefect_tasks.tasks.uploads import upload_data
from prefect_tasks.tasks.waits import await_job, wait_for_job

__all__ = [
    "await_job",
    "import_bucket_objects",
    "launch_processing",
    "list_data",
    "tag_data",
    "upload_data",
    "wait_for_job",
]
