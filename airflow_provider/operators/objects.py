"""Earlier path of `airflow_provider.operators.import_objects`."""

from airflow_provider.operators.import_objects import ImportCloudObjectsOperator, PlanImportOperator

__all__ = ["ImportCloudObjectsOperator", "PlanImportOperator"]
