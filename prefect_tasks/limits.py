"""Former path of `prefect_tasks.runs.concurrency_limits`."""

from prefect_tasks.runs.concurrency_limits import ensure_limits

__all__ = ["ensure_limits"]
