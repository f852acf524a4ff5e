"""Which failures of a task are worth another try, and when: one policy, and one tag, for every task."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_logger
from prefect.tasks import Task, exponential_backoff

from datalake_ops.retryability import is_transient, told_delay

# A platform that asks for more has another trouble than load; the next try will hear its word again.
_LONGEST_REST = 600.0


def requested_pause(error: BaseException) -> float:
    """Seconds that the platform asked to be left alone with its `Retry-After`, at most 600; 0 when it asked for none.

    They come before Prefect's own delay, which keeps many tasks from coming back at the same moment.
    """
    return min(max(told_delay(error) or 0.0, 0.0), _LONGEST_REST)


def should_retry(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Prefect's question after a failed task run, answered by `is_transient`, when the platform has had its rest."""
    if not (isinstance(state.data, BaseException) and is_transient(state.data)):
        return False
    if seconds := _told_rest(task, state.data):
        time.sleep(seconds)
    return True


async def ashould_retry(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """What `should_retry` answers, for async tasks."""
    if not (isinstance(state.data, BaseException) and is_transient(state.data)):
        return False
    if seconds := _told_rest(task, state.data):
        await asyncio.sleep(seconds)
    return True


def _told_rest(task: Task[..., Any], error: BaseException) -> float:
    seconds = requested_pause(error)
    if seconds:
        get_logger("prefect_tasks").warning("%s waits %.0f s, as the platform asked it to.", task.name, seconds)
    return seconds


# The hook has repeated each request for up to two minutes before a task sees the error: these are longer pauses.
RETRYING: dict[str, Any] = {
    "tags": ["datalake"],
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=10),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": should_retry,
}
ASYNC_RETRYING: dict[str, Any] = {**RETRYING, "retry_condition_fn": ashould_retry}
