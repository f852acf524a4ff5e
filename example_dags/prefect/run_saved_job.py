"""A processing that was saved as a block is triggered, waited for, and its result read."""

from __future__ import annotations

from typing import Any

from prefect import flow

from prefect_tasks import DatalakeJob, DatalakeJobRun


@flow
def run_saved_job(name: str = "thumbnails") -> dict[str, Any]:
    """Trigger the saved job block `name`."""
    job: Any = DatalakeJob.load(name)
    run: DatalakeJobRun = job.trigger()
    run.wait_for_completion()
    return run.fetch_result()


if __name__ == "__main__":
    print(run_saved_job())
