"""Suspension of a flow run while its job runs, without a worker; the job watcher resumes it.

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
from prefect.transactions import get_transaction

from datalake_ops import arguments
from datalake_ops.errors import ArgumentError, ConfigurationError, NoDataError
from prefect_tasks.blocks import DatalakeCredentials, aload_credentials, load_credentials
from prefect_tasks.runs.datalake_task import DatalakeTask
from prefect_tasks.runs.retry_policy import ASYNC_RETRYING, RETRYING
from prefect_tasks.runs.run_labels import (
    RunLabels,
    SuspensionRecord,
    block_name,
    read_run_labels,
    record_suspension,
    seconds_until,
)
from prefect_tasks.runs.run_logger import run_logger
from prefect_tasks.runs.run_names import run_name
from prefect_tasks.runs.wait_options import OnStop, WaitMode
from prefect_tasks.waits.polling import JobPoller, checked_on_stop
from prefect_tasks.waits.run_monitor import FlowRunMonitor

P = ParamSpec("P")
R = TypeVar("R")
WATCHER = "job-watcher/datalake"
# A job that ends sooner is not worth two starts of a process.
PATIENCE_SECONDS = 60.0
# Time of a wait that is over: it looks once. A wait of no time is refused.
_ONE_LOOK = 0.001
_BLOCK_TYPE = str(DatalakeCredentials._block_type_slug)
_LOOKING: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "persist_result": False,
    "task_run_name": run_name("poll", "jobs"),
}


@dataclass(frozen=True)
class WaitCall:
    """Arguments of a wait, of a task or of a job run."""

    credentials: DatalakeCredentials | str
    jobs: tuple[str, ...]
    timeout: float | None
    wait: WaitMode

    @classmethod
    def of(cls, told: dict[str, Any]) -> WaitCall:
        """Return the call of a task's arguments, when tasks that are yet to start its jobs have done so.

        Raises:
            ArgumentError, NoDataError: an argument is not of its field, or there are no jobs.
            Exception: the error of a task that was to start one of the jobs.
        """
        jobs = job_ids("jobs", _results(told.get("jobs", told.get("job"))))
        return cls(told["credentials"], jobs, arguments.positive_seconds("timeout", told["timeout"]), told["wait"])


@dataclass(frozen=True)
class Suspension:
    """A flow run that may be suspended until jobs have ended."""

    run_id: UUID
    watcher_id: UUID
    call: WaitCall
    notes: RunLabels

    @classmethod
    def offered(cls, call: WaitCall) -> Suspension | None:
        """Return the suspension that may take the place of polling; None if the wait is to poll.

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
        """Deadline of the wait, kept over all its suspensions; a flow run that is retried has its full time again."""
        known = [at for job in self.call.jobs if (at := self.notes.deadline_at(job, runtime.flow_run.run_count))]
        if known:
            return min(known)
        return None if self.call.timeout is None else time.time() + self.call.timeout

    @property
    def seconds(self) -> float:
        """Seconds to poll before the run is suspended: 0 (one poll) after a resumption and with `wait="suspend"`."""
        before = self.notes.suspended_for
        if self.call.wait == "suspend" or (before is not None and set(before.jobs) & set(self.call.jobs)):
            return 0.0
        left = seconds_until(self.deadline_at)
        return PATIENCE_SECONDS if left is None else min(PATIENCE_SECONDS, left)

    def is_over(self) -> bool:
        """Return True if the deadline has passed."""
        return seconds_until(self.deadline_at) == 0.0

    def begin(self) -> NoReturn:
        """Suspend the run and start the job watcher.

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


class JobWaitTask(DatalakeTask[P, R]):
    """A task that waits for jobs and, called directly in a flow, may suspend the flow run meanwhile."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:  # type: ignore[override] # Task has overloads.
        """Wait, or suspend the run until the jobs have ended."""
        extra = {name: kwargs.pop(name) for name in ("return_state", "wait_for") if name in kwargs}
        bound = inspect.signature(self.fn).bind(*args, **kwargs)
        bound.apply_defaults()
        own: Any = self._awaited if self.isasync else self._waited
        answer: R = own(dict(bound.arguments), extra)
        return answer

    def _waited(self, told: dict[str, Any], extra: dict[str, Any]) -> Any:
        poll: Any = super().__call__
        suspension = _offered(told)
        if suspension is None:
            return poll(**told, **extra)
        if not suspension.is_over():
            seen = _poll_briefly(**_brief_wait(suspension, told), **extra)
            if _is_answer(seen):
                return seen
            if not suspension.is_over():
                return suspension.begin()
        return poll(**{**told, "timeout": _ONE_LOOK, "wait": "poll"}, **extra)

    async def _awaited(self, told: dict[str, Any], extra: dict[str, Any]) -> Any:
        poll: Any = super().__call__
        suspension = await asyncio.to_thread(_offered, told)
        if suspension is None:
            return await poll(**told, **extra)
        if not suspension.is_over():
            seen = await _apoll_briefly(**_brief_wait(suspension, told), **extra)
            if _is_answer(seen):
                return seen
            if not suspension.is_over():
                return suspension.begin()
        return await poll(**{**told, "timeout": _ONE_LOOK, "wait": "poll"}, **extra)


def refuse_to_suspend(wait: WaitMode) -> None:
    """Refuse to suspend a flow run from inside a task.

    Raises:
        ConfigurationError: `wait` is "suspend".
        ArgumentError: `wait` is another word than "auto" and "poll".
    """
    if arguments.choice("wait", wait, ("auto", "poll", "suspend")) == "suspend":
        raise ConfigurationError(
            "The flow run cannot be suspended: the wait must be called directly in a flow, neither submitted nor "
            "inside a task."
        )


def _offered(told: dict[str, Any]) -> Suspension | None:
    # Without suspension Prefect itself waits for tasks that are to start the jobs.
    if told["wait"] == "poll":
        return None
    try:
        call = WaitCall.of(told)
        checked_on_stop(told["poll_interval"], told["on_stop"])
    except (ArgumentError, NoDataError):
        # The task run tells it.
        return None
    return Suspension.offered(call)


def _results(jobs: Any) -> Any:
    """Return the jobs with the results of futures and states in their place."""
    if isinstance(jobs, (PrefectFuture, State)):
        return jobs.result()
    return [_results(job) for job in jobs] if isinstance(jobs, Collection) and not isinstance(jobs, str) else jobs


def _brief_wait(suspension: Suspension, told: dict[str, Any]) -> dict[str, Any]:
    kept = {name: told[name] for name in ("credentials", "poll_interval", "on_stop")}
    return {**kept, "jobs": told.get("jobs", told.get("job")), "seconds": suspension.seconds, "is_one": "job" in told}


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
    is_one: bool,
) -> Any:
    poller = JobPoller(load_credentials(credentials), job_ids("jobs", jobs), poll_interval, on_stop)
    found = poller.poll_briefly(seconds)
    return found[0] if found and is_one else found


@task(**{**ASYNC_RETRYING, **_LOOKING})
async def _apoll_briefly(
    credentials: DatalakeCredentials | str,
    jobs: str | list[str],
    seconds: float,
    poll_interval: float | None,
    on_stop: OnStop | None,
    is_one: bool,
) -> Any:
    poller = JobPoller(await aload_credentials(credentials), job_ids("jobs", jobs), poll_interval, on_stop)
    found = await poller.apoll_briefly(seconds)
    return found[0] if found and is_one else found


def job_ids(field: str, jobs: Any) -> tuple[str, ...]:
    """Return the ids of one job or of many, each once; also of the lists that mapped tasks return.

    Raises:
        ArgumentError: one is no id.
        NoDataError: there are none.
    """
    found = tuple(str(one) for one in arguments.identifiers(field, jobs) or ())
    if not found:
        raise NoDataError("There is no job to wait for.")
    return found


def job_id(job: Any) -> str:
    """Return the id of the one job to wait for.

    Raises:
        ArgumentError: it is no id, or there are several.
        NoDataError: there is none.
    """
    found = job_ids("job", job)
    if len(found) > 1:
        raise arguments.refusal("job", job, "write the id of one job; wait_for_jobs takes several.")
    return found[0]
