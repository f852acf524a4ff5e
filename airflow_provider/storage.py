"""Earlier path of `airflow_provider.handoff.storage`."""

from airflow_provider.handoff.storage import Storage, refuse_options, travelling

__all__ = ["Storage", "refuse_options", "travelling"]
