"""Earlier path of `airflow_provider.operators.quality_gate`."""

from airflow_provider.operators.quality_gate import QualityGateOperator

__all__ = ["QualityGateOperator"]
