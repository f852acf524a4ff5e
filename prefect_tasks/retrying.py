"""Which failures of a task are worth another try, and when: one policy for every task."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from datalake_ops.errors import AmbiguousRequestError, AnswerError, NetworkError, ServerError

_LATER = frozenset({408, 425, 429})


def is_transient(error: BaseException) -> bool:
    """Whether the same call may well succeed a minute later: no answer, 408, 425, 429, and 500 and above.

    An ambiguous request is not repeated: it may have started a job already.
    """
    if isinstance(error, AmbiguousRequestError):
        return False
    if isinstance(error, AnswerError):
        return isinstance(error, ServerError) or error.status in _LATER
    return isinstance(error, NetworkError)


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
