"""Abstract operator that works in the lake of an Airflow connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider.hooks.datalake import DatalakeHook
from airflow_provider.links import DatalakeLink
from airflow_provider.operators.abstract.fields import CONNECTION
from airflow_provider.operators.abstract.stoppable import StoppableOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.hook import DatalakeHook as SharedHook


class DatalakeOperator(StoppableOperator):
    """Abstract operator that opens the hook of an Airflow connection and shows a link to its lake.

    Args:
        datalake_conn_id: The Airflow connection (templated).
        kwargs: `on_empty`, see `StoppableOperator`.
    """

    argument_fields = {"datalake_conn_id": CONNECTION}
    operator_extra_links = (DatalakeLink(),)

    def __init__(self, *, datalake_conn_id: str = DatalakeHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.datalake_conn_id = datalake_conn_id

    @property
    def query_text(self) -> str:
        """Query-language text of the data that the link to the lake shows; "" for all of them."""
        return ""

    @contextmanager
    def lake(self, context: Context) -> Iterator[SharedHook]:
        """The shared hook for the time of a `with` block; the link to the lake is there from its beginning."""
        with DatalakeHook(self.datalake_conn_id) as hook:
            DatalakeLink().push(context, hook.datalake.datalake_url(self.query_text))
            yield hook.datalake
