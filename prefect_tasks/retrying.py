"""Which failures of a task are worth another try, and when: one policy for every task."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from datalake_ops.remedy import is_transient


def is_worth_retrying(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Prefect's question after a failed task run, answered by `is_transient`."""
    return isinstance(state.data, BaseException) and is_transient(state.data)


# The hook has repeated each request for up to two minutes before a task sees the error: these are longer pauses.
RETRYING: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=10),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_worth_retrying,
}
