"""Waiting without a worker: a flow run is suspended while its job runs, and the job watcher resumes it.

Prefect ends the run's process and starts the flow from its beginning when it is resumed. What kept its result is not
done again: so a wait suspends only a run whose deployment can start it again and which keeps its results.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn, ParamSpec, TypeVar
from uuid import UUID, uuid4

from prefect import get_client, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId, FlowRunFilterState
from prefect.client.schemas.filters import FlowRunFilterStateType as InStates
from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import ObjectNotFound, Pause
from prefect.flow_runs import suspend_flow_run
from prefect.futures import PrefectFuture
from prefect.tasks import Task
from prefect.transactions import get_transaction

from datalake_ops.errors import ConfigurationError
from prefect_tasks.blocks import DatalakeCredentials, aload_credentials, load_credentials
from prefect_tasks.runs.retry_policy import ASYNC_RETRYING, RETRYING
from prefect_tasks.runs.run_labels import (
    RunLabels,
    SuspensionRecord,
    block_name,
    read_run_labels,
    record_suspension,
    seconds_until,
)
from prefect_tasks.runs.run_logger import OnStop, WaitMode, run_logger
from prefect_tasks.runs.run_names import run_name
from prefect_tasks.waits.polling import JobPoller
from prefect_tasks.waits.run_monitor import FlowRunMonitor

P = ParamSpec("P")
R = TypeVar("R")
WATCHER = "job-watcher/datalake"
# A job that ends sooner is not worth two starts of a process.
PATIENCE_SECONDS = 60.0
_BLOCK_TYPE = str(DatalakeCredentials._block_type_slug)
_LOOKING: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "persist_result": False,
    "task_run_name": run_name("look at", "jobs"),
}


@dataclass(frozen=True)
class WaitCall:
    """What a wait was asked for, whichever task or job run it is of."""

    credentials: DatalakeCredentials | str
    jobs: tuple[str, ...]
    timeout: float | None
    wait: WaitMode

    @classmethod
    def of(cls, arguments: dict[str, Any]) -> WaitCall:
        """The call that a task was given; jobs that are yet to be started are waited for.

        Raises:
            Exception: what a task raised that was to start one of the jobs.
        """
        jobs = several(_results(arguments.get("jobs", arguments.get("job"))))
        return cls(arguments["credentials"], jobs, arguments["timeout"], arguments["wait"])


@dataclass(frozen=True)
class Suspension:
    """A flow run that may be suspended until jobs have ended."""

    run_id: UUID
    watcher_id: UUID
    call: WaitCall
    notes: RunLabels

    @classmethod
    def offered(cls, call: WaitCall) -> Suspension | None:
        """What the wait may do instead of polling; None when it is to poll.

        Raises:
            ConfigurationError: the wait has to suspend its run, and cannot.
        """
        if call.wait == "poll":
            return None
        context = FlowRunContext.get()
        obstacle = _obstacle(context, call.credentials)
        if obstacle is None and context is not None and context.flow_run is not None:
            found = _watcher_id(str(block_name(call.credentials)))
            if isinstance(found, UUID):
                return cls(context.flow_run.id, found, call, read_run_labels(context.flow_run.id))
            obstacle = found
        if call.wait == "suspend":
            raise ConfigurationError(
                f'The flow run cannot be suspended: {obstacle} With wait="auto" it would wait in its process instead.'
            )
        return None

    @cached_property
    def deadline_at(self) -> float | None:
        """When the wait is over, kept over every suspension of it; a flow run that is retried has its time again."""
        known = [at for job in self.call.jobs if (at := self.notes.deadline_at(job, runtime.flow_run.run_count))]
        if known:
            return min(known)
        return None if self.call.timeout is None else time.time() + self.call.timeout

    @property
    def seconds(self) -> float:
        """How long to poll before the run is suspended: one that was resumed, or is told to suspend, only looks."""
        before = self.notes.suspended_for
        if self.call.wait == "suspend" or (before is not None and set(before.jobs) & set(self.call.jobs)):
            return 0.0
        left = seconds_until(self.deadline_at)
        return PATIENCE_SECONDS if left is None else min(PATIENCE_SECONDS, left)

    def is_over(self) -> bool:
        """Whether the time to wait has run out."""
        return seconds_until(self.deadline_at) == 0.0

    def begin(self) -> NoReturn:
        """Suspend the run and see to it that the watcher runs.

        Raises:
            Pause: always; Prefect then ends the process.
        """
        name = block_name(self.call.credentials)
        logger = run_logger()
        record_suspension(self.run_id, SuspensionRecord(str(name), self.call.jobs, self.deadline_at))
        watch = FlowRunMonitor.of_this_run(logger)
        suspend: Any = suspend_flow_run
        logger.info("The run is suspended until the watcher sees that %s ended.", ", ".join(self.call.jobs))
        try:
            # A key of Prefect's own choice would be used again after a resumption, and then suspend nothing.
            suspend(key=str(uuid4()), _sync=True)
        except Pause as pause:
            if watch is not None and pause.state is not None:
                watch.suspended(pause.state)
            _call_watcher(self.watcher_id, logger)
            raise
        raise ConfigurationError("Prefect did not suspend the flow run; it may have been resumed meanwhile.")


_NO_WATCHER = (
    f"no deployment {WATCHER!r} would resume it; install it with `python -m prefect_tasks.safety deploy --pool POOL`."
)


def _obstacle(context: FlowRunContext | None, credentials: DatalakeCredentials | str) -> str | None:
    if context is None or context.flow_run is None or TaskRunContext.get() is not None:
        return "the wait must be called directly in a flow, neither submitted nor inside a task."
    if context.flow_run.parent_task_run_id is not None:
        return "it is part of another one; wait in the outer flow."
    if get_transaction() is not None:
        # Leaving a transaction by a suspension is leaving it by an error: Prefect would undo what the job works on.
        return "it is inside a transaction, and all that was done in it would be rolled back; wait after it."
    if context.flow_run.deployment_id is None:
        return "it has no deployment that could start it again."
    if not context.persist_result:
        return "it keeps no results, so all would be done again; declare @flow(persist_result=True)."
    if block_name(credentials) is None:
        return "its credentials are not saved, so no other process can load them; save the block."
    return None


def _watcher_id(credentials: str) -> UUID | str:
    """The deployment that will resume the run, or what it lacks."""
    with get_client(sync_client=True) as client:
        try:
            client.read_block_document_by_name(credentials, _BLOCK_TYPE, include_secrets=False)
        except ObjectNotFound:
            # The environment stands in for it here, and may be another one, or none, where the watcher runs.
            return (
                f"no block is saved as {credentials!r}, so no other process can load its credentials; save the block."
            )
        try:
            return client.read_deployment_by_name(WATCHER).id
        except ObjectNotFound:
            return _NO_WATCHER


def _call_watcher(deployment_id: UUID, logger: Any) -> None:
    """Start the watcher unless it runs; its schedule starts it too, but only every few minutes."""
    try:
        with get_client(sync_client=True) as client:
            running = client.read_flow_runs(
                flow_run_filter=FlowRunFilter(
                    deployment_id=FlowRunFilterDeploymentId(any_=[deployment_id]),
                    state=FlowRunFilterState(type=InStates(any_=[StateType.RUNNING, StateType.PENDING])),
                ),
                limit=1,
            )
            if not running:
                client.create_flow_run_from_deployment(deployment_id)
    except Exception:
        # The run is suspended already; the watcher's schedule brings the watcher.
        logger.warning("The job watcher could not be started now; its schedule will.", exc_info=True)


class JobWaitTask(Task[P, R]):
    """A task that waits for jobs and, called directly in a flow, may suspend the flow run meanwhile."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:  # type: ignore[override] # Task has overloads.
        """Wait, or suspend the run until the jobs have ended."""
        extra = {name: kwargs.pop(name) for name in ("return_state", "wait_for") if name in kwargs}
        bound = inspect.signature(self.fn).bind(*args, **kwargs)
        bound.apply_defaults()
        own: Any = self._awaited if self.isasync else self._waited
        answer: R = own(dict(bound.arguments), extra)
        return answer

    def with_options(self, *args: Any, **kwargs: Any) -> Task[P, R]:
        """A copy with other options."""
        # Prefect makes a plain task of a copy, and this class adds nothing to one but its way of being called.
        copy = super().with_options(*args, **kwargs)
        copy.__class__ = type(self)
        return copy

    def _waited(self, arguments: dict[str, Any], extra: dict[str, Any]) -> Any:
        poll: Any = super().__call__
        suspension = _offered(arguments)
        if suspension is None:
            return poll(**arguments, **extra)
        if not suspension.is_over():
            seen = _poll_briefly(**_glance(suspension, arguments), **extra)
            if _is_answer(seen):
                return seen
            if not suspension.is_over():
                return suspension.begin()
        return poll(**{**arguments, "timeout": 0.0, "wait": "poll"}, **extra)

    async def _awaited(self, arguments: dict[str, Any], extra: dict[str, Any]) -> Any:
        poll: Any = super().__call__
        suspension = await asyncio.to_thread(_offered, arguments)
        if suspension is None:
            return await poll(**arguments, **extra)
        if not suspension.is_over():
            seen = await _apoll_briefly(**_glance(suspension, arguments), **extra)
            if _is_answer(seen):
                return seen
            if not suspension.is_over():
                return suspension.begin()
        return await poll(**{**arguments, "timeout": 0.0, "wait": "poll"}, **extra)


def refuse_to_suspend(wait: WaitMode) -> None:
    """Nothing, unless the wait runs inside a task and was told to suspend its flow run.

    Raises:
        ConfigurationError: it was.
    """
    if wait == "suspend":
        raise ConfigurationError(
            "The flow run cannot be suspended: the wait must be called directly in a flow, neither submitted nor "
            "inside a task."
        )


def _offered(arguments: dict[str, Any]) -> Suspension | None:
    # Without suspension Prefect itself waits for tasks that are to start the jobs.
    return None if arguments["wait"] == "poll" else Suspension.offered(WaitCall.of(arguments))


def _results(jobs: Any) -> Any:
    """What the futures and states among the jobs stand for."""
    if isinstance(jobs, (PrefectFuture, State)):
        return jobs.result()
    return [_results(job) for job in jobs] if isinstance(jobs, Collection) and not isinstance(jobs, str) else jobs


def _glance(suspension: Suspension, arguments: dict[str, Any]) -> dict[str, Any]:
    kept = {name: arguments[name] for name in ("credentials", "poll_interval", "on_stop")}
    return {**kept, "jobs": arguments.get("jobs", arguments.get("job")), "seconds": suspension.seconds}


def _is_answer(seen: Any) -> bool:
    if isinstance(seen, State):
        return not seen.is_completed() or seen.result() is not None
    return seen is not None


@task(**{**RETRYING, **_LOOKING})
def _poll_briefly(
    credentials: DatalakeCredentials | str,
    jobs: str | list[str],
    seconds: float,
    poll_interval: float | None,
    on_stop: OnStop | None,
) -> Any:
    polling = JobPoller(load_credentials(credentials), several(jobs), poll_interval, on_stop)
    return _alike(jobs, polling.glance(seconds))


@task(**{**ASYNC_RETRYING, **_LOOKING})
async def _apoll_briefly(
    credentials: DatalakeCredentials | str,
    jobs: str | list[str],
    seconds: float,
    poll_interval: float | None,
    on_stop: OnStop | None,
) -> Any:
    polling = JobPoller(await aload_credentials(credentials), several(jobs), poll_interval, on_stop)
    return _alike(jobs, await polling.aglance(seconds))


def several(jobs: Any) -> tuple[str, ...]:
    """The ids of one job or of several, as text; one may be given as a UUID."""
    return (str(jobs),) if isinstance(jobs, (str, UUID)) else tuple(str(job) for job in jobs)


def _alike(jobs: Any, found: list[dict[str, Any]] | None) -> Any:
    return found[0] if found and isinstance(jobs, (str, UUID)) else found
