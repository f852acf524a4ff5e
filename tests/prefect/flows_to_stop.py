"""Guarded flows that start a job which never ends by itself, for tests that stop them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from prefect import flow, serve

from prefect_tasks import datalake_guards, launch_processing, wait_for_job

LONGER_THAN_ANY_TEST = 3600


@flow(**datalake_guards())
def guarded(pid_file: str) -> None:
    """Be killed: only the guards are left."""
    Path(pid_file).write_text(str(os.getpid()))
    job = launch_processing("datalake", "patient", tags="ingested")
    wait_for_job("datalake", job)


@flow(**datalake_guards())
def sleeping() -> None:
    """Never get to wait."""
    launch_processing("datalake", "patient", tags="ingested")
    time.sleep(LONGER_THAN_ANY_TEST)


@flow(timeout_seconds=90, **datalake_guards())
def late() -> None:
    """Have no time to wait."""
    launch_processing("datalake", "patient", tags="ingested")
    time.sleep(LONGER_THAN_ANY_TEST)


if __name__ == "__main__":
    serve(*(one.to_deployment(name="to-stop") for one in (guarded, sleeping, late)))
