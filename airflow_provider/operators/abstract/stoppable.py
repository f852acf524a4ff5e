"""What every operator has in common that is done when its task is: what is retried, and how it is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider.compat import AirflowException, BaseOperator
from airflow_provider.job_lifecycle.retry_policy import default_retry_policy, failing_at_once

if TYPE_CHECKING:
    from airflow.sdk import Context


class StoppableOperator(BaseOperator):
    """Does its work on its worker, breaks it off when Airflow stops it, and fails at once by what no retry can mend."""

    ui_color = "#e8f0d8"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.retry_policy = default_retry_policy(getattr(self, "retry_policy", None))
        self._works = False
        self._killed = False

    def work(self, context: Context) -> Any:
        """What the task is for; returns its result."""
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Work, and do not succeed when stopped meanwhile.

        Raises:
            AirflowException: Airflow stopped the task.
        """
        self._works = True
        try:
            with failing_at_once():
                result = self.work(context)
        finally:
            self._works = False
        if self._killed:
            raise self._stopped()
        return result

    def on_kill(self) -> None:
        """Break off what the task does: Airflow stops it on its worker.

        Raises:
            AirflowException: the task is at work; called by a signal, it breaks off the work.
        """
        # Airflow lets `execute` go on after `on_kill`, and would call the task a success (apache/airflow #73006).
        self._killed = True
        if self._works:
            raise self._stopped()

    def _stopped(self) -> AirflowException:
        return AirflowException("The task was stopped before it was done; a retry does what is missing.")
