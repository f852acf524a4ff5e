"""Retry policy and tag of every task: transient failures are retried, with exponential back-off."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_logger
from prefect.tasks import Task, exponential_backoff

from datalake_ops.retryability import is_transient, told_delay

# A platform that asks for more has another problem than load; the next try gets its `Retry-After` again.
_LONGEST_PAUSE = 600.0


def requested_pause(error: BaseException) -> float:
    """Return the seconds of the platform's `Retry-After`, at most 600; 0 without one.

    They come before Prefect's own delay, which keeps many tasks from coming back at the same moment.
    """
    return min(max(told_delay(error) or 0.0, 0.0), _LONGEST_PAUSE)


def should_retry(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Return True for transient failures, after the pause that the platform asked for (a `retry_condition_fn`)."""
    if not (isinstance(state.data, BaseException) and is_transient(state.data)):
        return False
    if seconds := _logged_pause(task, state.data):
        time.sleep(seconds)
    return True


async def ashould_retry(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Async form of `should_retry`."""
    if not (isinstance(state.data, BaseException) and is_transient(state.data)):
        return False
    if seconds := _logged_pause(task, state.data):
        await asyncio.sleep(seconds)
    return True


def _logged_pause(task: Task[..., Any], error: BaseException) -> float:
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
