"""Drive a visual datalake from Prefect: blocks, tasks and flows.

Prefect imports this module in every worker and in its server, so only the blocks are imported at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from prefect_tasks.blocks import DatalakeCredentials
from prefect_tasks.jobs import DatalakeJob

if TYPE_CHECKING:
    from prefect_tasks.flows import ingest_and_process, ingest_bucket, ingest_folder, process_and_wait, sync_bucket
    from prefect_tasks.jobs import DatalakeJobRun
    from prefect_tasks.runs.concurrency_limits import ensure_limits
    from prefect_tasks.safety.automations import install_automations
    from prefect_tasks.safety.reaper import reap_orphan_jobs
    from prefect_tasks.safety.resumer import job_watcher
    from prefect_tasks.safety.state_hooks import datalake_guards
    from prefect_tasks.tasks import (
        acreate_projection,
        adownload_data,
        afind_data,
        aget_or_create_tag,
        aimport_bucket_objects,
        aimport_cloud_objects,
        alaunch_processing,
        alist_data,
        aretry_failed_files,
        atag_data,
        aupdate_data,
        aupload_data,
        await_job,
        await_jobs,
        create_projection,
        download_data,
        find_data,
        get_or_create_tag,
        import_bucket_objects,
        import_cloud_objects,
        launch_processing,
        list_data,
        retry_failed_files,
        tag_data,
        update_data,
        upload_data,
        wait_for_job,
        wait_for_jobs,
    )
    from prefect_tasks.uploads.shared_folder import write_manifest

__all__ = [
    "DatalakeCredentials",
    "DatalakeJob",
    "DatalakeJobRun",
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
    "datalake_guards",
    "download_data",
    "ensure_limits",
    "find_data",
    "get_or_create_tag",
    "import_bucket_objects",
    "import_cloud_objects",
    "ingest_and_process",
    "ingest_bucket",
    "ingest_folder",
    "install_automations",
    "job_watcher",
    "launch_processing",
    "list_data",
    "process_and_wait",
    "reap_orphan_jobs",
    "retry_failed_files",
    "sync_bucket",
    "tag_data",
    "update_data",
    "upload_data",
    "wait_for_job",
    "wait_for_jobs",
    "write_manifest",
]

_HOME = {
    "sync_bucket": "prefect_tasks.flows",
    "process_and_wait": "prefect_tasks.flows",
    "ingest_bucket": "prefect_tasks.flows",
    "DatalakeJobRun": "prefect_tasks.jobs",
    "datalake_guards": "prefect_tasks.safety.state_hooks",
    "ensure_limits": "prefect_tasks.runs.concurrency_limits",
    "ingest_and_process": "prefect_tasks.flows",
    "ingest_folder": "prefect_tasks.flows",
    "install_automations": "prefect_tasks.safety.automations",
    "job_watcher": "prefect_tasks.safety.resumer",
    "reap_orphan_jobs": "prefect_tasks.safety.reaper",
    "write_manifest": "prefect_tasks.uploads.shared_folder",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME.get(name, "prefect_tasks.tasks")), name)
