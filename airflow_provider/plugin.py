"""Plugin of this provider for every Airflow process, found through the entry point `airflow.plugins`."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from airflow_provider.job_lifecycle import listener


class DatalakePlugin(AirflowPlugin):
    """Registers the listener that cancels jobs of tasks that were marked while they waited."""

    name = "datalake_ops"
    listeners = [listener]
