"""A DAG with gates that fail and that skip, and what follows them."""

from __future__ import annotations

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import dag

from airflow_provider.operators.quality_gate import QualityGateOperator


@dag(schedule=None, params={"rules": [{"min_count": 1}]}, render_template_as_native_obj=True)
def gates():
    for on_shut in ("fail", "skip"):
        gate = QualityGateOperator(
            task_id=on_shut, tags=["demo"], rules="{{ params.rules }}", on_shut=on_shut, retries=2
        )
        gate >> EmptyOperator(task_id=f"after_{on_shut}")


gates()
