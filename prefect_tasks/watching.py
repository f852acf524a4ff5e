"""Noticing that one's own flow run was cancelled, where Prefect does not tell."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from prefect import get_client, runtime
from prefect.exceptions import CancelledRun

from datalake_ops.wire.jobs import Job
from prefect_tasks.waiting import ChangeLog

_EVERY = 5.0


def on_poll(logger: Any) -> Callable[[Job], None]:
    """What a blocking wait does with each look at its job: log what changed, and notice that its run was cancelled."""
    log = ChangeLog(logger)
    if threading.current_thread() is threading.main_thread():
        # Here Prefect raises a signal's exception in the midst of the wait.
        return log
    watch = RunWatch(logger)

    def poll(job: Job) -> None:
        log(job)
        watch()

    return poll


class RunWatch:
    """Asks Prefect now and then whether this flow run is being cancelled: a thread hears of no signal."""

    def __init__(self, logger: Any, every: float = _EVERY) -> None:
        self._logger = logger
        self._every = every
        self._run_id = runtime.flow_run.id
        self._next_at = time.monotonic() + every

    def __call__(self) -> None:
        """Ask, if it is time.

        Raises:
            CancelledRun: the flow run is being cancelled, or is.
        """
        if self._run_id is None or time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + self._every
        if self._is_cancelled():
            raise CancelledRun(f"Flow run {self._run_id} was cancelled while one of its tasks waited for a job.")

    def _is_cancelled(self) -> bool:
        try:
            with get_client(sync_client=True) as client:
                state = client.read_flow_run(self._run_id).state
        except Exception:
            # A Prefect server that is away must not end the wait for the datalake's job.
            self._logger.warning("Prefect could not be asked whether this run was cancelled.", exc_info=True)
            return False
        return state is not None and (state.is_cancelling() or state.is_cancelled())
