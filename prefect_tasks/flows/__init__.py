"""Flows to run and deploy as they are, or to read and adapt."""

from prefect_tasks.flows.bucket import ingest_bucket, sync_bucket
from prefect_tasks.flows.folder import ingest_folder
from prefect_tasks.flows.pipeline import ingest_and_process
from prefect_tasks.flows.processing import process_and_wait

__all__ = ["ingest_and_process", "ingest_bucket", "ingest_folder", "process_and_wait", "sync_bucket"]
