"""A DAG that runs whichever operator a test names, with the arguments it gives."""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, get_current_context, task
from airflow.sdk.module_loading import import_string


@dag(schedule=None, params={"operator": "", "arguments": {}})
def any_operator():
    @task
    def execute(params: dict[str, Any]) -> Any:
        operator = import_string(params["operator"])(task_id="inner", **params["arguments"])
        return operator.execute(get_current_context())

    execute()


any_operator()
