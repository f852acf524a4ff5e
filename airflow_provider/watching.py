"""Earlier path of `airflow_provider.watch_events`."""

from airflow_provider.watch_events import ended_jobs, new_batches, new_data_ids

__all__ = ["ended_jobs", "new_batches", "new_data_ids"]
