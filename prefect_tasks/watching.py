"""One wait of a task for a job: logs what changes, hears when its own run is stopped, and then stops the job."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from prefect import get_client, runtime
from prefect.client.schemas.objects import State
from prefect.exceptions import CancelledRun, Pause

from datalake_ops.wire.jobs import Job
from prefect_tasks.blocks import DatalakeCredentials
from prefect_tasks.identity import ON_STOP_LABEL
from prefect_tasks.job_card import JobCard
from prefect_tasks.notes import note_detached
from prefect_tasks.waiting import ChangeLog, OnStop, cancel_job, stopping

_EVERY = 5.0
_AFTER_FAILURE = 30.0
# How long a thread may sleep before it looks up: Prefect's own ways to stop one wait for that too.
_NAP = 1.0


class JobWatch:
    """What a wait does besides waiting; give `on_poll` and `rest` (or `arest`) to the waiter.

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
        self._credentials = credentials
        self._on_stop = on_stop
        self._outlived = outlived
        self._logger = logger
        self._log = ChangeLog(logger)
        self._seen: Job | None = None
        self._run = RunWatch.of_this_run(logger)
        self._card = JobCard(credentials, logger)
        if on_stop == "detach":
            note_detached(job)

    def on_poll(self, job: Job) -> None:
        """Take note of a job, as a waiter's `on_poll`."""
        self._seen = job
        self._log(job)

    def rest(self, seconds: float) -> None:
        """Pause, as a waiter's `rest`.

        Raises:
            CancelledRun: the flow run is being cancelled, or is.
            Pause: the flow run was suspended.
        """
        until = time.monotonic() + seconds
        if self._seen is not None:
            self._card.take(self._seen)
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _NAP))
            if self._run is not None:
                self._run()

    async def arest(self, seconds: float) -> None:
        """What `rest` does, for an awaiting waiter."""
        until = time.monotonic() + seconds
        if self._seen is not None and self._card.is_due:
            await asyncio.to_thread(self._card.take, self._seen)
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _NAP))
            if self._run is not None and self._run.is_due:
                await asyncio.to_thread(self._run)

    def end(self, job: Job) -> Job:
        """Show that the job has ended, and return it."""
        self._card.end(job)
        return job

    def stopping(self) -> AbstractContextManager[None]:
        """What to wait inside of: when the wait is stopped, so is the job."""
        return stopping(self._is_stopped_by, lambda: cancel_job(self._credentials, self.job, self._logger))

    def _is_stopped_by(self, stop: BaseException) -> bool:
        if isinstance(stop, self._outlived) or (self._run is not None and self._run.is_suspended):
            return False
        if self._seen is None:
            return self._on_stop != "detach"
        told = self._on_stop or (self._seen.labels or {}).get(ON_STOP_LABEL)
        return told != "detach" and not self._seen.status.is_terminal


class RunWatch:
    """Asks Prefect now and then what has become of a flow run, once for all waits of the run in this process.

    A thread hears of no signal, and a run without a worker has nobody who would send it one.
    """

    _of: WeakValueDictionary[UUID, RunWatch] = WeakValueDictionary()
    _lock = threading.Lock()

    def __init__(self, run_id: UUID, logger: Any) -> None:
        self.run_id = run_id
        self._logger = logger
        self._asking = threading.Lock()
        self._next_at = time.monotonic() + _EVERY
        self._state: State[Any] | None = None
        self._suspended: State[Any] | None = None

    @classmethod
    def of_this_run(cls, logger: Any) -> RunWatch | None:
        """The watch of the flow run that this code is part of; None outside any."""
        if not runtime.flow_run.id:
            return None
        run_id = UUID(str(runtime.flow_run.id))
        with cls._lock:
            known = cls._of.get(run_id)
            if known is None:
                known = cls._of[run_id] = cls(run_id, logger)
            return known

    @property
    def is_due(self) -> bool:
        """Whether there is something to check."""
        return self._suspended is not None or time.monotonic() >= self._next_at

    @property
    def is_suspended(self) -> bool:
        """Whether this process has suspended the run, so that its waits end here and go on elsewhere."""
        return self._suspended is not None

    def suspended(self, state: State[Any]) -> None:
        """Tell the other waits of the run that it is suspended."""
        self._suspended = state

    def __call__(self) -> None:
        """Ask, if it is time.

        Raises:
            CancelledRun: the flow run is being cancelled, or is.
            Pause: this process has suspended it.
        """
        if self._suspended is not None:
            raise Pause(state=self._suspended)
        if time.monotonic() >= self._next_at:
            with self._asking:
                if time.monotonic() >= self._next_at:
                    self._ask()
        if self._state is not None and (self._state.is_cancelling() or self._state.is_cancelled()):
            raise CancelledRun(f"Flow run {self.run_id} was cancelled while one of its tasks waited for a job.")

    def _ask(self) -> None:
        try:
            with get_client(sync_client=True) as client:
                self._state = client.read_flow_run(self.run_id).state
        except Exception:
            # A Prefect server that is away must not end the wait for the datalake's job.
            self._next_at = time.monotonic() + _AFTER_FAILURE
            self._logger.warning("Prefect could not be asked whether this run was cancelled.", exc_info=True)
        else:
            self._next_at = time.monotonic() + _EVERY
