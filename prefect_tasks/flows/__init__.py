"""Flows to run and deploy as they are, or to read and adapt."""

from prefect_tasks.flows.folder import ingest_folder
from prefect_tasks.flows.pipeline import ingest_and_process

__all__ = ["ingest_and_process", "ingest_folder"]
