"""What stops a task that waits for its job, told in the core's words, and the job's cancelling that may follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider.compat import AirflowFailException, AirflowTaskTimeout, TaskDeferralTimeout, TaskDeferred
from datalake_ops.config import RetryPolicy, Timeouts
from datalake_ops.errors import DatalakeError, JobFailedError, JobKilledError, JobWaitTimeoutError
from datalake_ops.waiting.policy import Stop

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.config import Connection

_TOO_LATE = (AirflowTaskTimeout, TaskDeferralTimeout, JobWaitTimeoutError)
# The wait goes on in the triggerer, or there is nothing left to stop.
_NO_STOP = (TaskDeferred, JobFailedError, JobKilledError)
# Whatever stops a task does not wait long for it: Airflow kills a worker that takes more than a minute to end.
_IN_A_HURRY = {"retry": RetryPolicy(attempts=4, budget=15.0), "timeouts": Timeouts(5.0, 10.0, 10.0)}


def stop_of(error: BaseException) -> Stop | None:
    """Which stop an error that ends `execute` means; None when the job ended, or its wait goes on elsewhere."""
    if isinstance(error, _NO_STOP):
        return None
    return Stop.TIMEOUT if isinstance(error, _TOO_LATE) else Stop.FAILURE


def will_be_retried(error: BaseException, context: Context) -> bool:
    """Whether Airflow will try the task again after this error, as far as a task can know."""
    if isinstance(error, AirflowFailException):
        return False
    ti = context["ti"]
    if not ti.max_tries or ti.try_number > ti.max_tries:
        return False
    # Airflow 3.3 and newer.
    policy = getattr(context.get("task"), "retry_policy", None)
    if policy is None:
        return True
    decision = policy.evaluate(error, ti.try_number, ti.max_tries, context)
    return bool(decision.action.value != "fail")


def cancel_job(connection: Connection, job_id: str) -> None:
    """Cancel a job over a session of its own, within seconds; a job that ended stays as it is.

    Raises:
        UnsupportedError: the platform cannot cancel jobs.
        AnswerError, NetworkError: the platform refused or did not answer; the job may go on.
    """
    from datalake_ops.hook import DatalakeHook as SharedHook

    with SharedHook.from_connection(connection.with_(**_IN_A_HURRY)) as datalake:
        datalake.cancel_job(job_id)


def cancel_or_log(connection: Connection, job_id: str, log: Any) -> None:
    """Cancel a job; a failure to do so is logged, for what stopped the task matters more."""
    try:
        cancel_job(connection, job_id)
    except DatalakeError as error:
        log.error("Job %s could not be cancelled and may go on: %s", job_id, error)
