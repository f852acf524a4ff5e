"""The job watcher: one small flow that polls the jobs of all suspended flow runs and resumes those whose jobs ended.

It has no state: suspensions are read from Prefect at each poll. It may be killed and started again, misses
no job that ended meanwhile, and two at once do no harm.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import flow, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateName
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events import emit_event
from prefect.events.filters import EventNameFilter

from datalake_ops.config import RetryPolicy, Timeouts
from prefect_tasks.blocks import load_credentials
from prefect_tasks.runs.event_log import event_occurred
from prefect_tasks.runs.run_labels import RunLabels, SuspensionRecord
from prefect_tasks.runs.run_logger import run_logger

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.wire.jobs import Job

WAIT_OVER = "datalake.wait.over"
_PAGE = 200
# The next poll is the next try, and a lake that hangs must not hold up the others.
_ONE_POLL = {"retry": RetryPolicy(attempts=1), "timeouts": Timeouts(5.0, 20.0, 20.0)}
_LAKES_AT_ONCE = 8
# After so many seconds the automation that resumes runs is not there, or its event was lost.
_PATIENCE = 15.0
# A worker that was started with a limit ends when a run comes back whose process it has not seen end (Prefect 3.8),
# and a submitted task may keep the process for a while. After so many seconds the worker's word, which may be lost, is
# no longer waited for.
_LEAVING = 300.0
_LEFT = EventNameFilter(name=["prefect.worker.executed-flow-run"])
_SUSPENDED = FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Suspended"])))


@flow(name="job-watcher")
def job_watcher(interval: float = 5.0, linger: float = 600.0) -> int:
    """Resume each suspended flow run when its jobs have ended or its deadline has passed; return their number.

    Args:
        interval: seconds between polls; a poll is one request to Prefect and one to each lake that is waited for.
        linger: seconds without a suspended run, after which the flow ends.
    """
    logger = run_logger()
    with ExitStack() as stack:
        resumer = Resumer(logger, stack)
        last_needed = time.monotonic()
        while time.monotonic() - last_needed < linger:
            try:
                if resumer.poll():
                    last_needed = time.monotonic()
            except Exception:
                # Suspended runs must not depend on one error: the next poll may succeed.
                logger.warning("This poll for ended jobs failed; the next one follows.", exc_info=True)
            time.sleep(interval)
    return resumer.resumed_count


class Resumer:
    """Polls the jobs of all suspended runs; hooks are kept open from poll to poll, until `stack` ends."""

    def __init__(self, logger: Any, stack: ExitStack) -> None:
        self.resumed_count = 0
        self._logger = logger
        self._hooks: dict[str, DatalakeHook] = {}
        stack.callback(self._forget_all)
        self._pool = stack.enter_context(ThreadPoolExecutor(_LAKES_AT_ONCE))
        # By the suspended state, for a run may be suspended many times.
        self._ready_at: dict[UUID, float] = {}
        self._told_at: dict[UUID, float] = {}

    def poll(self) -> int:
        """Poll once, resume the runs whose jobs ended, and return the number of suspended runs."""
        waiting = [(run, waits) for run in _suspended_runs() if (waits := RunLabels.of(run).suspended_for) is not None]
        wanted: dict[str, set[str]] = defaultdict(set)
        for _, waits in waiting:
            wanted[waits.credentials].update(waits.jobs)
        self._forget_all(but=wanted)
        # Side by side, so that a lake that does not answer holds up the others for no longer than one answer may take.
        asked = {name: self._pool.submit(copy_context().run, self._ask, name, jobs) for name, jobs in wanted.items()}
        for run, waits in waiting:
            statuses = _statuses(waits, asked[waits.credentials].result())
            if statuses is not None or _is_overdue(waits):
                self._resume(run, waits, statuses or {})
        return len(waiting)

    def _ask(self, name: str, jobs: Iterable[str]) -> Mapping[UUID, Job] | None:
        """Return the jobs; None when the platform does not answer."""
        try:
            return self._hook(name).get_jobs(jobs)
        except Exception:
            # Whatever is wrong with one lake or its block, the runs that wait for others must not depend on it.
            self._logger.exception("The jobs of %r could not be polled; the next poll follows.", name)
            self._forget(name)
            return None

    def _hook(self, name: str) -> DatalakeHook:
        from datalake_ops.hook import DatalakeHook

        if name not in self._hooks:
            self._hooks[name] = DatalakeHook.from_connection(load_credentials(name).connection.with_(**_ONE_POLL))
        return self._hooks[name]

    def _forget_all(self, but: Collection[str] = ()) -> None:
        for name in self._hooks.keys() - set(but):
            self._forget(name)

    def _forget(self, name: str) -> None:
        # The token may have been replaced: the block is read anew.
        if (hook := self._hooks.pop(name, None)) is not None:
            hook.close()

    def _resume(self, run: FlowRun, waits: SuspensionRecord, statuses: Mapping[str, str]) -> None:
        state_id = run.state.id if run.state is not None else run.id
        ready_at = self._ready_at.setdefault(state_id, time.monotonic())
        if time.monotonic() - ready_at < _LEAVING and not _has_left(run):
            return
        told_at = self._told_at.get(state_id)
        if told_at is None:
            self._told_at[state_id] = time.monotonic()
            self.resumed_count += 1
            _tell(run, waits, statuses)
            self._logger.info("Flow run %r goes on: %s", run.name, dict(statuses) or "its deadline has passed")
        elif time.monotonic() - told_at >= _PATIENCE:
            self._told_at[state_id] = time.monotonic()
            self._logger.warning("Nothing has resumed flow run %r upon its event, so it is resumed now.", run.name)
            with get_client(sync_client=True) as client:
                client.resume_flow_run(run.id)


def _suspended_runs() -> Iterator[FlowRun]:
    with get_client(sync_client=True) as client:
        offset = 0
        while page := client.read_flow_runs(
            flow_run_filter=_SUSPENDED, sort=FlowRunSort.START_TIME_ASC, limit=_PAGE, offset=offset
        ):
            yield from page
            offset += len(page)


def _has_left(run: FlowRun) -> bool:
    """Return True if the worker of a run has reported the end of the process that suspended it."""
    if run.work_pool_name is None or run.state is None:
        return True
    suspended_at = run.state.timestamp
    if time.time() - suspended_at.timestamp() >= _LEAVING:
        return True
    with get_client(sync_client=True) as client:
        return event_occurred(client, run.id, _LEFT, since=suspended_at)


def _statuses(waits: SuspensionRecord, known: Mapping[UUID, Job] | None) -> dict[str, str] | None:
    """Return the final statuses of the jobs, None before all have ended; an unknown job has ended too."""
    if known is None:
        return None
    jobs = {job: known.get(UUID(job)) for job in waits.jobs}
    if any(job is not None and not job.status.is_terminal for job in jobs.values()):
        return None
    return {name: str(job.status) if job is not None else "UNKNOWN" for name, job in jobs.items()}


def _is_overdue(waits: SuspensionRecord) -> bool:
    return waits.deadline_at is not None and time.time() >= waits.deadline_at


def _tell(run: FlowRun, waits: SuspensionRecord, statuses: Mapping[str, str]) -> None:
    emit_event(
        WAIT_OVER,
        resource={"prefect.resource.id": f"datalake.wait.{run.id}", "prefect.resource.name": run.name},
        related=[{"prefect.resource.id": f"prefect.flow-run.{run.id}", "prefect.resource.role": "flow-run"}],
        payload={"jobs": dict(statuses), "credentials": waits.credentials},
    )
