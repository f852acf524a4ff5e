"""Earlier path of `airflow_provider.job_lifecycle.retry_policy`."""

from airflow_provider.job_lifecycle.retry_policy import DatalakeRetryPolicy, default_retry_policy, failing_at_once

__all__ = ["DatalakeRetryPolicy", "default_retry_policy", "failing_at_once"]
