"""A DAG that runs whichever operator a test names, with the arguments it gives."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import Any

from airflow.sdk import dag, get_current_context, task


@dag(schedule=None, params={"operator": "", "arguments": {}})
def any_operator():
    @task
    def execute(params: dict[str, Any]) -> Any:
        operator = resolve_name(params["operator"])(task_id="inner", **params["arguments"])
        return operator.execute(get_current_context())

    execute()


any_operator()
