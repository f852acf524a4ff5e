"""Which data a task works on: ids, or what filters find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datalake_ops.errors import ConfigurationError

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook


def chosen(hook: DatalakeHook, data: list[str] | None, filters: Mapping[str, Any]) -> list[str]:
    """The ids that were given, or those of the data that the filters of `list_data` find.

    Raises:
        ConfigurationError: ids and filters were given, or neither: no filter must not mean the whole lake.
        NoDataError: nothing matches.
    """
    wanted = {name: value for name, value in filters.items() if value is not None and value is not False}
    if (data is not None) == bool(wanted):
        raise ConfigurationError(f"Say which data: their ids as `data`, or one of {', '.join(filters)}.")
    if data is not None:
        return [str(one) for one in data]
    return [str(one) for one in hook.list_data(**wanted).ids]
