"""Async twin of a task: the same verb, arguments, retries and result, for async flows."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect_tasks.runs.datalake_task import DatalakeTask
from prefect_tasks.runs.retry_policy import ASYNC_RETRYING
from prefect_tasks.waits.stop_signal import stop_threads_on_error

P = ParamSpec("P")
R = TypeVar("R")


def async_twin(task: DatalakeTask[P, R], **options: Any) -> DatalakeTask[P, Coroutine[Any, Any, R]]:
    """Make a task `a<name>` that runs the function of a task in a thread of its own, with the same options.

    A cancelled await makes the thread stop, see `stop_signal.raise_if_stopped`.
    """
    fn = task.fn

    @wraps(fn)
    async def twin(*args: P.args, **kwargs: P.kwargs) -> R:
        with stop_threads_on_error():
            return await asyncio.to_thread(fn, *args, **kwargs)

    # Prefect fills in the arguments by these.
    vars(twin)["__signature__"] = inspect.signature(fn)
    twin.__doc__ = f"Async form of `{fn.__name__}`: the event loop is free meanwhile."
    # The function keeps its name, of which the keys of results and jobs are made: both twins do the same work.
    return DatalakeTask(twin, name=f"a{fn.__name__}", **{**options, **ASYNC_RETRYING, "tags": options["tags"]})
