"""Plugin of this provider for every Airflow process, found through the entry point `airflow.plugins`."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_provider.job_lifecycle import listener
from airflow_provider.lineage.absent_asset_log import log_absent_assets_quietly


class DatalakePlugin(AirflowPlugin):
    """Registers the listener that cancels jobs of tasks that were marked while they waited."""

    name = "datalake_ops"
    listeners = [listener]

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Prepare the process for tasks that it supervises."""
        log_absent_assets_quietly()
