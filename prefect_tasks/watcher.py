"""Former path of `prefect_tasks.safety.resumer`, which stored deployments name as their entry point."""

from prefect_tasks.safety.resumer import job_watcher

__all__ = ["job_watcher"]
