"""Operators on tags: put them on data, take them away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider.lineage import LineageOperator, Told, as_names
from airflow_provider.operators.datalake import DatalakeOperator
from airflow_provider.operators.selection import SelectionOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class TagDataOperator(SelectionOperator, LineageOperator, DatalakeOperator):
    """Puts tags on data and takes others away; returns how many data it reached.

    Doing it twice changes nothing more. The data are given by `data_ids` or by filters.

    Args:
        add: Names of tags to put on; a missing tag is created (templated).
        remove: Names of tags to take away (templated).
        data_ids: Ids of the data (templated).
        kwargs: Filters, see `SelectionOperator`; `datalake_conn_id`; what lineage is told, see `LineageOperator`.

    Raises:
        NoDataError: No data match the filters.
        NotFoundError: A tag to take away does not exist.
    """

    template_fields: Sequence[str] = (
        *SelectionOperator.template_fields,
        "add",
        "remove",
        "data_ids",
        "datalake_conn_id",
    )

    def __init__(
        self,
        *,
        add: str | list[str] | None = None,
        remove: str | list[str] | None = None,
        data_ids: str | list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.add = add
        self.remove = remove
        self.data_ids = data_ids

    def execute(self, context: Context) -> int:
        """Find the data, then change their tags."""
        with self.lake(context) as lake:
            ids = self.chosen(lake, self.data_ids)
            if self.add:
                lake.add_tags(ids, self.add)
            if self.remove:
                lake.remove_tags(ids, self.remove)
            uri = lake.lake_uri()
        self.log.info("%d data: added tags %s, removed tags %s", len(ids), self.add or [], self.remove or [])
        facts = {"counts": {"DATA": len(ids)}, "removed_tags": list(as_names(self.remove))}
        self.tell(context, Told(uri, as_names(self.add), count=len(ids), facts=facts))
        return len(ids)
