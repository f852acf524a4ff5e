"""The async twin of a task: the same verb, arguments, retries and result, for async flows."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect.tasks import Task

from prefect_tasks.runs.retry_policy import ASYNC_RETRYING
from prefect_tasks.waits.stop_signal import stop_threads_on_error

P = ParamSpec("P")
R = TypeVar("R")


def async_twin(fn: Callable[P, R], **options: Any) -> Task[P, Coroutine[Any, Any, R]]:
    """A task `a<name>` that does what `fn` does in a thread of its own, with the same options.

    A cancelled await tells that thread to stop, see `stops.check`.
    """

    @wraps(fn)
    async def twin(*args: P.args, **kwargs: P.kwargs) -> R:
        with stop_threads_on_error():
            return await asyncio.to_thread(fn, *args, **kwargs)

    # Prefect fills in the arguments by these.
    vars(twin)["__signature__"] = inspect.signature(fn)
    twin.__doc__ = f"What `{fn.__name__}` does, for async flows: the event loop is free meanwhile."
    # The function keeps its name, of which the keys of results and jobs are made: both twins do the same work.
    return Task(twin, name=f"a{fn.__name__}", **{**options, **ASYNC_RETRYING, "tags": options["tags"]})
