"""Cancellation of a task's job when the task stops before the job ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import (
    AirflowException,
    AirflowFailException,
    AirflowTaskTimeout,
    TaskDeferred,
)
from airflow_provider.hooks.cancel_job import cancel_job
from datalake_ops.errors import DatalakeError, JobFailedError, JobKilledError, JobWaitTimeoutError
from datalake_ops.waiting.cancel_policy import CancelPolicy, Stop

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider.job_lifecycle.start import JobStart
    from datalake_ops.config import Connection

logger = logging.getLogger(__name__)

_TOO_LATE = (AirflowTaskTimeout, JobWaitTimeoutError)
# The wait goes on in the triggerer, or there is nothing left to stop.
_NO_STOP = (TaskDeferred, JobFailedError, JobKilledError)

# Seconds before each search for a job whose start was being answered when the task was stopped.
_SEARCH = (0.0, 1.0, 3.0, 6.0)


def stop_of(error: BaseException) -> Stop | None:
    """Map the error that ends a task to a stop; None if the job has ended, or its wait continues elsewhere."""
    if isinstance(error, _NO_STOP):
        return None
    return Stop.TIMEOUT if isinstance(error, _TOO_LATE) else Stop.FAILURE


def will_be_retried(error: BaseException, context: Context) -> bool:
    """Return True if Airflow will retry the task after this error, as far as a task can know."""
    if isinstance(error, AirflowFailException):
        return False
    ti = context["ti"]
    if not ti.max_tries or ti.try_number > ti.max_tries:
        return False
    # Airflow 3.3 and newer.
    policy = getattr(context.get("task"), "retry_policy", None)
    if policy is None:
        return True
    try:
        decision = policy.evaluate(error, ti.try_number, ti.max_tries, context)
    # As Airflow: a policy of somebody's own that fails leaves the decision to `retries`.
    except Exception:
        logger.exception("The task's retry policy raised an error; this task is treated as one that Airflow retries.")
        return True
    return bool(decision.action.value != "fail")


class JobGuard:
    """Cancels the job of a task on its worker when the task is stopped, unless its policy says otherwise.

    Args:
        policy: Whether to cancel the job, for each kind of stop.
    """

    def __init__(self, policy: CancelPolicy) -> None:
        self.policy = policy
        self._start: JobStart | None = None
        self._connection: Connection | None = None
        self._job_id: str | None = None
        self._killed = False
        self._settled = False

    def expects(self, start: JobStart) -> None:
        """Register that the task is about to start its job."""
        self._start, self._connection = start, start.datalake.connection

    def knows(self, job_id: str) -> None:
        """Register the task's job; cancels it when the task was killed meanwhile.

        Raises:
            AirflowException: the task was killed.
        """
        self._job_id = job_id
        if self._killed:
            self.kill()
        self.stop_if_killed()

    def kill(self) -> None:
        """Cancel the job because Airflow stops the task; called by a signal, so no open session is used."""
        # Airflow calls this after a timeout too.
        if self._settled:
            return
        self._killed = True
        if self._job_id is not None and self.policy.cancels(Stop.KILL):
            self._cancel(self._job_id, "Airflow stops the task")

    def stop_if_killed(self, _: Any = None) -> None:
        """Fail a task that was killed.

        Raises:
            AirflowException: it was. Airflow lets `execute` go on after `on_kill` and would call the task a success
                (apache/airflow #73006).
        """
        if self._killed:
            raise AirflowException(
                f"The task was stopped while it waited for job {self._job_id or '(its id is not known yet)'}."
            )

    @contextmanager
    def guarding(self, context: Context) -> Iterator[None]:
        """Apply the policy to the job when the block ends with an error while the job goes on."""
        # An operator may run again in one process (`dag.test`), and its next run has another job. That it was killed
        # stays known: the signal may have come before the block.
        self._start = self._connection = self._job_id = None
        self._settled = False
        try:
            yield
        except BaseException as error:
            stop = stop_of(error)
            if stop is not None and not self._killed:
                self._settled = True
                self._settle(stop, self._is_taken_up(stop, error, context))
            elif self._killed and self._job_id is None:
                self._settle(Stop.KILL, False)
            raise

    def _settle(self, stop: Stop, taken_up: bool) -> None:
        if not self.policy.cancels(stop, taken_up):
            return
        job_id = self._job_id or self._search()
        if job_id is not None:
            self._cancel(job_id, f"the task ended by a {stop.value}")

    def _is_taken_up(self, stop: Stop, error: BaseException, context: Context) -> bool:
        can_be = self._start is not None and self._start.can_be_taken_up
        return can_be and stop is Stop.FAILURE and will_be_retried(error, context)

    def _search(self) -> str | None:
        """Id of the job that the platform was starting when the task was stopped, before its id was read."""
        start = self._start
        if start is None or not start.is_open:
            return None
        for pause in _SEARCH:
            time.sleep(pause)
            try:
                if job_id := start.started():
                    return job_id
            # What stopped the task matters more, whatever it is that the platform or Airflow cannot tell.
            except Exception:
                logger.exception("The platform may have started a job for this task; if it did, the job goes on.")
                break
        return None

    def _cancel(self, job_id: str, why: str) -> None:
        if self._connection is None:
            return
        logger.warning("Job %s of this task is cancelled because %s.", job_id, why)
        try:
            cancel_job(self._connection, job_id)
        except DatalakeError as error:
            # What stopped the task matters more.
            logger.error("Job %s could not be cancelled and may go on: %s", job_id, error)
