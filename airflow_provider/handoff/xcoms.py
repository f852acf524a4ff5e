"""Conversion of the hook's values to JSON values for XComs."""

from __future__ import annotations

from collections.abc import Iterator, KeysView, Mapping, ValuesView
from pathlib import Path
from typing import Any
from uuid import UUID

# How many bytes of JSON a report becomes.
_REPORT_BYTES = 2000


def as_xcom(value: Any) -> Any:
    """Convert values of the hook to JSON values, also inside lists and mappings; other values stay as they are.

    Data, tags, jobs and the like become dictionaries (without presigned addresses), `MultiData` the list of its ids,
    an upload's report its summary; an iterator, or the keys or values of a mapping, become a list, in which
    data are their ids.
    """
    from datalake_ops.upload.reporting.report import UploadReport
    from datalake_ops.wire.data import Data, MultiData
    from datalake_ops.wire.model import WireModel

    if isinstance(value, WireModel):
        return value.model_dump(mode="json")
    if isinstance(value, MultiData):
        return [str(one) for one in value.ids]
    if isinstance(value, UploadReport):
        return bounded(value.summary(max_ids=_REPORT_BYTES), _REPORT_BYTES)
    if isinstance(value, (UUID, Path)):
        return str(value)
    if isinstance(value, (Iterator, KeysView, ValuesView)):
        # Such as `lake.iter_data(...)`: an XCom of whole data would be long, and a generator is no value.
        return [str(one.id) if isinstance(one, Data) else as_xcom(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return {as_xcom(one) for one in value}
    if isinstance(value, (list, tuple)):
        return [as_xcom(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): as_xcom(one) for name, one in value.items()}
    return value


def bounded(summary: dict[str, Any], max_bytes: int) -> dict[str, Any]:
    """Cut a summary to at most `max_bytes` of JSON; its `data_ids` are then all of them or none."""
    from datalake_ops.upload.reporting.export import SMALLEST_SUMMARY, within

    whole = within(summary, max(max_bytes, SMALLEST_SUMMARY))
    if whole["data_ids_left_out"]:
        left_out = whole["data_ids_left_out"] + len(whole["data_ids"])
        whole = within({**summary, "data_ids": [], "data_ids_left_out": left_out}, max(max_bytes, SMALLEST_SUMMARY))
    return whole
