"""Former path of `prefect_tasks.safety.reaper`, which stored deployments name as their entry point."""

from prefect_tasks.safety.reaper import reap_orphan_jobs

__all__ = ["reap_orphan_jobs"]
