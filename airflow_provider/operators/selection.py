"""What operators that work on data of the lake have in common: which data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import BaseOperator
from datalake_ops.errors import ConfigurationError, NoDataError

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook as SharedHook

_NAMED = ("tags", "q", "filenames", "object_names", "custom_metadata", "order_by")
_FILTERS = (*_NAMED, "intersect_tags", "limit", "offset")


class SelectionOperator(BaseOperator):
    """Takes the filters of `DatalakeHook.list_data`, under its names.

    Args:
        tags: Data with one of these tags (templated).
        intersect_tags: Data with all of the tags instead.
        q: Query-language text; it holds together with `tags` (templated).
        filenames, object_names: Data with one of these names; give one of the two (templated).
        custom_metadata: Data whose custom metadata equals this on every key (templated).
        order_by: Field names, `-` before one means descending (templated).
        limit, offset: At most this many, from this one on.
    """

    template_fields: Sequence[str] = _NAMED

    def __init__(
        self,
        *,
        tags: str | list[str] | None = None,
        intersect_tags: bool = False,
        q: str | None = None,
        filenames: list[str] | None = None,
        object_names: list[str] | None = None,
        custom_metadata: dict[str, Any] | None = None,
        order_by: list[str] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tags = tags
        self.intersect_tags = intersect_tags
        self.q = q
        self.filenames = filenames
        self.object_names = object_names
        self.custom_metadata = custom_metadata
        self.order_by = order_by
        self.limit = limit
        self.offset = offset

    def select(self, datalake: SharedHook, ids: list[str] | None = None) -> list[str]:
        """The ids of the data that match.

        Raises:
            NoDataError: none match.
        """
        filters: dict[str, Any] = {name: getattr(self, name) for name in _FILTERS}
        filters["ids"] = ids
        # One page of data is in memory at a time; of the others only the ids.
        found = [str(data.id) for data in datalake.iter_data(**filters)]
        if not found:
            given = {name: value for name, value in filters.items() if value}
            raise NoDataError(f"No data of the lake match {given or 'at all: it is empty'}.")
        return found

    def chosen(self, datalake: SharedHook, data_ids: str | list[str] | None) -> list[str]:
        """The data that were named, or those that match the filters.

        Raises:
            ConfigurationError: both were given, or neither, which would mean the whole lake.
            NoDataError: there are none.
        """
        filtered = any(getattr(self, name) for name in _FILTERS)
        if filtered == (data_ids is not None):
            raise ConfigurationError(f"Say which data: their ids as `data_ids`, or a filter ({', '.join(_FILTERS)}).")
        if data_ids is None:
            return self.select(datalake)
        if not data_ids:
            raise NoDataError("`data_ids` is empty: there is nothing to work on.")
        return [data_ids] if isinstance(data_ids, str) else list(data_ids)
