"""Operators on data that are there: list them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider.operators.datalake import DatalakeOperator
from airflow_provider.operators.selection import SelectionOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class ListDataOperator(SelectionOperator, DatalakeOperator):
    """Lists data; returns `count`, `data_ids` (at most `max_ids`) and `data_ids_left_out`, each an XCom too.

    Args:
        ids: Data with one of these ids (templated); give one of `ids`, `filenames` and `object_names`.
        max_ids: How many ids the answer holds.
        kwargs: The other filters, see `SelectionOperator`; `datalake_conn_id`.

    Raises:
        NoDataError: Nothing matches.
        InvalidQueryError: `q` is not query-language text.
    """

    template_fields: Sequence[str] = (*SelectionOperator.template_fields, "ids", "datalake_conn_id")

    def __init__(
        self,
        *,
        ids: list[str] | None = None,
        max_ids: int = 1000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.ids = ids
        self.max_ids = max_ids

    def execute(self, context: Context) -> dict[str, Any]:
        """List, and name as many as an XCom should hold."""
        with self.lake(context) as lake:
            found = self.select(lake, ids=self.ids)
        self.log.info("%d data match", len(found))
        return {
            "count": len(found),
            "data_ids": found[: self.max_ids],
            "data_ids_left_out": max(0, len(found) - self.max_ids),
        }
