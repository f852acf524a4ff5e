"""Flows that wait for a job that never ends by itself, for tests that stop them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from prefect import flow, serve

from prefect_tasks import datalake_guards, launch_processing, wait_for_job


@flow
def waiting() -> None:
    """Wait directly: the wait itself is told to stop."""
    wait_for_job("datalake", launch_processing("datalake", "patient", tags="ingested"))


@flow
def submitting() -> None:
    """Wait in a thread: nobody tells it to stop."""
    wait_for_job.submit("datalake", launch_processing("datalake", "patient", tags="ingested")).result()


@flow(**datalake_guards())
def guarded() -> None:
    """Be killed: only the guards are left."""
    Path(os.environ["PID_FILE"]).write_text(str(os.getpid()))
    job = launch_processing("datalake", "patient", tags="ingested")
    wait_for_job("datalake", job)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve(*(one.to_deployment(name="served") for one in (waiting, submitting, guarded)))
    else:
        waiting()
