"""Listener that cancels the job of a deferred task which is marked before its trigger has begun to wait.

Airflow tells a trigger of a user's mark only when the trigger runs; between the deferral and that moment (a second or
two, or as long as no triggerer is up) nobody else would hear of it. This listener hears of it in the api-server.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from airflow.listeners import hookimpl

logger = logging.getLogger(__name__)

_TRIGGER = "airflow_provider.triggers.job.JobTrigger"


@hookimpl
def on_task_instance_failed(task_instance: Any) -> None:
    """Handle a task that failed, or was marked as failed."""
    _ended(task_instance)


@hookimpl
def on_task_instance_success(task_instance: Any) -> None:
    """Handle a task that succeeded, or was marked as succeeded."""
    _ended(task_instance)


def _ended(task_instance: Any) -> None:
    # Only the api-server's view of a task that waits in the triggerer has a trigger; workers pass by here at every end.
    if getattr(task_instance, "trigger_id", None) is None or task_instance.trigger.classpath != _TRIGGER:
        return
    kwargs = task_instance.trigger.kwargs
    if kwargs.get("cancel_on_kill"):
        # The user's request is not to wait for the platform.
        names = {"datalake_conn_id": kwargs["datalake_conn_id"], "job_id": kwargs["job_id"]}
        threading.Thread(target=_cancel, kwargs=names, name="datalake-cancel", daemon=True).start()


def _cancel(datalake_conn_id: str, job_id: str) -> None:
    from airflow_provider.compat import AIRFLOW_ERRORS
    from airflow_provider.hooks.cancel_job import cancel_job
    from airflow_provider.hooks.datalake import DatalakeHook
    from datalake_ops.errors import DatalakeError

    try:
        cancel_job(DatalakeHook(datalake_conn_id, job_runs=True).datalake.connection, job_id)
    except (DatalakeError, *AIRFLOW_ERRORS) as error:
        logger.error("Job %s of a task that was marked could not be cancelled and may go on: %s", job_id, error)
