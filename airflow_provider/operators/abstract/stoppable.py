"""Abstract operator that ends with its task: errors that no retry can mend fail it at once, a kill stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider.compat import AirflowException
from airflow_provider.job_lifecycle.retry_policy import default_retry_policy, failing_at_once
from airflow_provider.operators.abstract.arguments import ArgumentsOperator
from airflow_provider.operators.abstract.on_empty import ends_empty
from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty

if TYPE_CHECKING:
    from airflow.sdk import Context


class StoppableOperator(ArgumentsOperator):
    """Abstract operator that works on its worker, stops with its task, and fails at once where no retry helps.

    Args:
        on_empty: End of a task that has nothing to do because no data match, or its input is empty: "skip" it, let it
            "succeed" with an empty result, or "fail" it without retries.
    """

    ui_color = "#e8f0d8"

    def __init__(self, *, on_empty: OnEmpty = "skip", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.on_empty = arguments.on_empty(on_empty)
        self.retry_policy = default_retry_policy(getattr(self, "retry_policy", None))
        self._works = False
        self._killed = False

    def work(self, context: Context) -> Any:
        """Do the work of the task and return its result."""
        raise NotImplementedError

    def empty_result(self) -> Any:
        """Result of a task with nothing to do that succeeds."""
        return None

    def execute(self, context: Context) -> Any:
        """Work, and do not succeed when stopped meanwhile.

        Raises:
            AirflowException: Airflow stopped the task.
            AirflowSkipException: there is nothing to do, and `on_empty` is "skip".
        """
        self._works = True
        result: Any = None
        try:
            with failing_at_once(), ends_empty(self.on_empty, self.log) as end:
                self.normalise_arguments()
                result = self.work(context)
        finally:
            self._works = False
        if self._killed:
            raise self._stopped()
        return self.empty_result() if end.is_empty else result

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
