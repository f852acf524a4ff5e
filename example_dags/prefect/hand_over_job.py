"""One run starts a job that outlives it, and another run attaches to the job, shows its log and waits for it."""

from __future__ import annotations

import os
from typing import Any

from prefect import flow

from prefect_tasks import DatalakeJob, launch_processing
from prefect_tasks.blocks import load_credentials

TAG = os.environ.get("DATALAKE_TAG", "ingested")


@flow
def start_and_leave(tag: str = TAG) -> str:
    """Start; whatever becomes of this run, the job goes on."""
    job: str = launch_processing("datalake", "thumbnails", tags=[tag], on_stop="leave")
    return job


@flow
def attach(job_id: str) -> dict[str, Any]:
    """Take the job up; this run is the one whose end ends the job."""
    block = DatalakeJob(credentials=load_credentials("datalake"), processing="thumbnails", on_stop="cancel")
    run = block.attach(job_id)
    run.wait_for_completion()
    return {**run.fetch_result(), "log": run.logs(tail=5)}


@flow
def hand_over_job(tag: str = TAG) -> dict[str, Any]:
    """Both, one after the other."""
    return attach(start_and_leave(tag))


if __name__ == "__main__":
    print(hand_over_job())
