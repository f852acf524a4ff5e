"""Monitors of a wait: of the job that is waited for, and of the flow run that waits."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from prefect import get_client, runtime
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import CancelledRun, Pause

from datalake_ops.errors import JobWaitTimeoutError
from datalake_ops.wire.jobs import Job
from prefect_tasks.blocks import DatalakeCredentials
from prefect_tasks.runs.idempotency import ON_STOP_LABEL
from prefect_tasks.runs.run_labels import record_left_job
from prefect_tasks.runs.run_states import STOPPED
from prefect_tasks.runs.wait_options import OnStop, outlives_its_run
from prefect_tasks.waits.cancellation import CancelTarget
from prefect_tasks.waits.job_progress import JobProgressArtifact
from prefect_tasks.waits.status_log import StatusLog

_EVERY = 5.0
_AFTER_FAILURE = 30.0
# Seconds that a thread sleeps at most before it checks for a stop.
_NAP = 1.0
# One lost answer must not fail a wait whose deadline has passed, for the job may have ended before it.
_LAST_POLL = 30.0


class JobMonitor:
    """Side work of one wait for a job: log, progress, cancellation. Give its `on_poll` and `rest` to a waiter.

    Args:
        on_stop: what becomes of the job when the wait is stopped; None is what its launch said.
        outlived: errors that end the wait and leave the job alone.
    """

    def __init__(
        self,
        credentials: DatalakeCredentials,
        job: str,
        on_stop: OnStop | None,
        logger: Any,
        outlived: tuple[type[Exception], ...] = (),
    ) -> None:
        self.job = job
        self._on_stop = on_stop
        self._outlived = outlived
        self._logger = logger
        self._log = StatusLog(logger)
        self._seen: Job | None = None
        self._run = FlowRunMonitor.of_this_run(logger)
        self._card = JobProgressArtifact(credentials, logger)
        self._is_overdue = False

    def begin(self) -> None:
        """Label the run with a job that outlives it; a request to Prefect."""
        if self._on_stop == "leave":
            record_left_job(self.job)

    def on_poll(self, job: Job) -> None:
        """Log and keep a polled job, as a waiter's `on_poll`.

        Raises:
            JobWaitTimeoutError: the wait's time was over before, and the job has not ended.
        """
        self._seen = job
        self._log(job)
        if self._is_overdue and not job.status.is_terminal:
            raise JobWaitTimeoutError(
                f"Job {job.id} had not ended when the time to wait for it was over (last status: {job.status}). "
                "It goes on at the platform: wait longer, or cancel it.",
                job=job,
            )

    def overdue(self) -> float:
        """Let the next poll decide, because the deadline has passed; return the seconds in which it has to succeed."""
        self._is_overdue = True
        return _LAST_POLL

    def rest(self, seconds: float) -> None:
        """Pause, as a waiter's `rest`.

        Raises:
            CancelledRun: the flow run, or one that it is part of, was stopped.
            Pause: the flow run was suspended.
        """
        until = time.monotonic() + seconds
        if self._seen is not None:
            self._card.take(self._seen)
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _NAP))
            if self._run is not None:
                self._run(_is_being_left())

    async def arest(self, seconds: float) -> None:
        """Async form of `rest`."""
        until = time.monotonic() + seconds
        if self._seen is not None and self._card.is_due:
            await asyncio.to_thread(self._card.take, self._seen)
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _NAP))
            is_left = _is_being_left()
            if self._run is not None and (is_left or self._run.is_due):
                await asyncio.to_thread(self._run, is_left)

    def end(self, job: Job) -> Job:
        """Write the final progress of the job, and return it."""
        self._card.end(job)
        return job

    def stoppable(self, stop: BaseException) -> CancelTarget | None:
        """The job, if it is to be stopped with the wait; None if it has ended, outlives this or its run."""
        if isinstance(stop, self._outlived) or (self._run is not None and self._run.is_suspended):
            return None
        if self._on_stop == "leave":
            return None
        if self._seen is None:
            # What its launch said can be asked of the platform alone.
            return CancelTarget(self.job, is_unknown=self._on_stop is None)
        told = self._on_stop or (self._seen.labels or {}).get(ON_STOP_LABEL)
        return None if outlives_its_run(told) or self._seen.status.is_terminal else CancelTarget(self.job)


class FlowRunMonitor:
    """Polls the state of a flow run at Prefect, every 5 s, once for all waits of the run in this process.

    A thread hears of no signal, and a run without a worker has nobody who would send it one.
    """

    _of: WeakValueDictionary[UUID, FlowRunMonitor] = WeakValueDictionary()
    _lock = threading.Lock()

    def __init__(self, run_id: UUID, logger: Any) -> None:
        self.run_id = run_id
        self._logger = logger
        self._asking = threading.Lock()
        self._next_at = time.monotonic() + _EVERY
        self._family: list[UUID] = []
        self._states: list[State[Any]] = []
        self._is_being_left = False
        self._run_count = runtime.flow_run.run_count
        self._is_still_this_try = False
        self._suspended: State[Any] | None = None

    @classmethod
    def of_this_run(cls, logger: Any) -> FlowRunMonitor | None:
        """The watch of the flow run that this code is part of; None outside any."""
        if not runtime.flow_run.id:
            return None
        run_id = UUID(str(runtime.flow_run.id))
        with cls._lock:
            known = cls._of.get(run_id)
            # An error that somebody keeps may keep the watch of an earlier try.
            if known is None or known._run_count != runtime.flow_run.run_count:
                known = cls._of[run_id] = cls(run_id, logger)
            return known

    @property
    def is_due(self) -> bool:
        """True if Prefect is to be asked now."""
        return self._suspended is not None or time.monotonic() >= self._next_at

    @property
    def is_suspended(self) -> bool:
        """True if this process has suspended the run, so that its waits end here and go on in another process."""
        return self._suspended is not None

    def suspended(self, state: State[Any]) -> None:
        """Let the other waits of the run end, because it is suspended."""
        self._suspended = state

    def __call__(self, is_being_left: bool = False) -> None:
        """Poll, if it is due, and raise if the run was stopped.

        Args:
            is_being_left: the flow is ending, and waits for this task only.

        Raises:
            CancelledRun: the flow run, or one that it is part of, was stopped.
            Pause: this process has suspended it.
        """
        if self._suspended is not None:
            raise Pause(state=self._suspended)
        if is_being_left and not self._is_being_left:
            self._is_being_left, self._is_still_this_try, self._next_at = True, False, 0.0
        if time.monotonic() >= self._next_at:
            with self._asking:
                if time.monotonic() >= self._next_at:
                    self._ask()
        if any(state.is_cancelling() or state.name in STOPPED for state in self._states):
            raise CancelledRun(f"Flow run {self.run_id} was stopped while one of its tasks waited for a job.")
        # A flow that ends by itself has told Prefect before it waits for its tasks; a signal gives it no time to.
        if is_being_left and self._is_still_this_try:
            raise CancelledRun(f"Flow run {self.run_id} was left by a signal while one of its tasks waited for a job.")

    def _ask(self) -> None:
        try:
            if not self._family:
                ids = (self.run_id, runtime.flow_run.parent_flow_run_id, runtime.flow_run.root_flow_run_id)
                self._family = list(dict.fromkeys(UUID(str(one)) for one in ids if one))
            with get_client(sync_client=True) as client:
                runs = [client.read_flow_run(one) for one in self._family]
            self._states = [run.state for run in runs if run.state is not None]
            own = runs[0]
            is_running = own.state is not None and own.state.is_running()
            self._is_still_this_try = self._is_being_left and is_running and own.run_count == self._run_count
        except Exception:
            # A Prefect server that is away must not end the wait for the datalake's job.
            self._next_at = time.monotonic() + _AFTER_FAILURE
            self._logger.warning("Prefect could not be asked whether this run was stopped.", exc_info=True)
        else:
            self._next_at = time.monotonic() + _EVERY


def _is_being_left() -> bool:
    """Return True if the task runner has asked this task to end, as it does when its flow ends."""
    inside, flow = TaskRunContext.get(), FlowRunContext.get()
    if inside is None or flow is None:
        return False
    # Prefect tells a running task in no public way.
    events = getattr(flow.task_runner, "_cancel_events", {})
    event = events.get(inside.task_run.id)
    return event is not None and bool(event.is_set())
