"""Task runners for the shards of an upload: threads of this process, a Dask cluster, a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from prefect.context import FlowRunContext
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from datalake_ops.errors import ConfigurationError

RunnerName = Literal["threads", "dask", "ray"]
# Each shard keeps many files on the way at once, so a few at a time fill a line.
THREADS = 4


@contextmanager
def task_runner(name: RunnerName | None, options: Mapping[str, Any] | None = None) -> Iterator[TaskRunner[Any]]:
    """A started task runner: that of the flow without a name, else a new one, which ends with the block.

    Args:
        name: "threads", "dask" or "ray".
        options: arguments of `ThreadPoolTaskRunner`, `DaskTaskRunner` or `RayTaskRunner`, such as `address`.

    Raises:
        ConfigurationError: the runner is not installed, or takes no such option.
    """
    if name is None:
        context = FlowRunContext.get()
        if context is None:
            raise ConfigurationError("Outside a flow there is no task runner to use: name one.")
        yield context.task_runner
        return
    try:
        made = _made(name, dict(options or {}))
    except TypeError as error:
        raise ConfigurationError(f"runner_options do not fit the runner {name!r}: {error}") from error
    with made as started:
        yield started


def _made(name: RunnerName, options: dict[str, Any]) -> TaskRunner[Any]:
    try:
        if name == "dask":
            from prefect_dask import DaskTaskRunner

            return DaskTaskRunner(**options)  # type: ignore[no-any-return] # It ships without types.
        if name == "ray":
            from prefect_ray import RayTaskRunner

            return RayTaskRunner(**options)  # type: ignore[no-any-return] # It ships without types.
    except ImportError as error:
        raise ConfigurationError(f"The runner {name!r} is not installed: `pip install prefect-{name}`.") from error
    if name != "threads":
        raise ConfigurationError(f"A runner is threads, dask or ray, got {name!r}.")
    return ThreadPoolTaskRunner(**{"max_workers": THREADS, **options})
