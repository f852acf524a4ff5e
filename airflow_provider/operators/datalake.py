"""What every operator has in common that works in the lake and is done when its task is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import AirflowException, BaseOperator
from airflow_provider.hooks.datalake import DatalakeHook
from airflow_provider.links import DatalakeLink
from airflow_provider.retrying import default_retry_policy, failing_at_once

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.hook import DatalakeHook as SharedHook


class DatalakeOperator(BaseOperator):
    """Works in the lake of a connection, and shows a link to it.

    Args:
        datalake_conn_id: The Airflow connection (templated).
    """

    operator_extra_links = (DatalakeLink(),)
    ui_color = "#e8f0d8"

    def __init__(self, *, datalake_conn_id: str = DatalakeHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.datalake_conn_id = datalake_conn_id
        self.retry_policy = default_retry_policy(getattr(self, "retry_policy", None))
        self._works = False
        self._killed = False

    @property
    def query_text(self) -> str:
        """Which data the link to the lake shows, as query-language text; all of them without any."""
        return ""

    @contextmanager
    def lake(self, context: Context) -> Iterator[SharedHook]:
        """The shared hook for the time of a `with` block; the link to the lake is there from its beginning.

        Raises:
            AirflowException: Airflow stopped the task meanwhile.
        """
        self._works = True
        try:
            with failing_at_once(), DatalakeHook(self.datalake_conn_id) as hook:
                DatalakeLink().push(context, hook.datalake.datalake_url(self.query_text))
                yield hook.datalake
        finally:
            self._works = False
        if self._killed:
            raise self._stopped()

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
