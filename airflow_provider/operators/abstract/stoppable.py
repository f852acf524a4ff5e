"""Abstract operator that ends with its task: errors that no retry can mend fail it at once, a kill stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider.compat import AirflowException, BaseOperator
from airflow_provider.job_lifecycle.retry_policy import default_retry_policy, failing_at_once

if TYPE_CHECKING:
    from airflow.sdk import Context


class StoppableOperator(BaseOperator):
    """Abstract operator that works on its worker, stops with its task, and fails at once where no retry helps."""

    ui_color = "#e8f0d8"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.retry_policy = default_retry_policy(getattr(self, "retry_policy", None))
        self._works = False
        self._killed = False

    def work(self, context: Context) -> Any:
        """Do the work of the task and return its result."""
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
        """Stop the work: Airflow stops the task on its worker.

        Raises:
            AirflowException: the task is at work; called by a signal, it breaks off the work.
        """
        # Airflow lets `execute` go on after `on_kill`, and would call the task a success (apache/airflow #73006).
        self._killed = True
        if self._works:
            raise self._stopped()

    def _stopped(self) -> AirflowException:
        return AirflowException("Airflow stopped the task before it was done; a retry does the rest.")
