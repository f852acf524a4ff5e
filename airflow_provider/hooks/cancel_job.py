"""Cancellation of one platform job through a hook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datalake_ops.config import RetryPolicy, Timeouts

if TYPE_CHECKING:
    from datalake_ops.config import Connection

# Airflow kills a worker that takes more than a minute to end.
_CANCEL_LIMITS = {"retry": RetryPolicy(attempts=4, budget=15.0), "timeouts": Timeouts(5.0, 10.0, 10.0)}


def cancel_job(connection: Connection, job_id: str) -> None:
    """Cancel a job over a session of its own, within seconds; a job that ended stays as it is.

    Raises:
        UnsupportedError: the platform cannot cancel jobs.
        AnswerError, NetworkError: the platform refused or did not answer; the job may go on.
    """
    from datalake_ops.hook import DatalakeHook as SharedHook

    with SharedHook.from_connection(connection.with_(**_CANCEL_LIMITS)) as datalake:
        datalake.cancel_job(job_id)
