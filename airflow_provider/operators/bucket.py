"""Earlier path of `airflow_provider.operators.import_bucket`."""

from airflow_provider.operators.import_bucket import ImportBucketOperator

__all__ = ["ImportBucketOperator"]
