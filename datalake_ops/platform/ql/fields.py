"""Allow-list of the fields that a query may name."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from sqlalchemy import ColumnElement, Integer, type_coerce

from datalake_ops.platform.ql import values
from datalake_ops.platform.ql.moments import Period
from datalake_ops.platform.ql.tree import Comparison, QueryError
from datalake_ops.platform.ql.values import Condition
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.types import to_microseconds
from datalake_ops.wire.data import METADATA_DATETIMES, METADATA_FLOATS, METADATA_KEYS, DataType, UploadStatus

Build = Callable[[Comparison], Condition]

# Fields of related tables, compiled for the lake of the query.
TAG_NAME = "tags.name"
SOURCE_NAME = "data_source.name"
_METADATA = "metadata."
_CUSTOM = "custom_metadata."
_KEY_LENGTH = 64

_DATA = schema.data.c


def _created_at(comparison: Comparison) -> Condition:
    return values.moment(type_coerce(_DATA.created_at, Integer), comparison, _microseconds)


def _microseconds(found: Period) -> tuple[int, int]:
    return to_microseconds(found.start), to_microseconds(found.end)


def _type(comparison: Comparison) -> Condition:
    return values.choice(_DATA.type, comparison, tuple(word.value for word in DataType))


def _upload_status(comparison: Comparison) -> Condition:
    return values.choice(_DATA.upload_status, comparison, tuple(word.value for word in UploadStatus))


def _text(column: ColumnElement[Any]) -> Build:
    return lambda comparison: values.text(column, comparison)


def _number(column: ColumnElement[Any]) -> Build:
    return lambda comparison: values.number(column, comparison)


_FIELDS: dict[str, Build] = {
    "id": lambda comparison: values.identifier(_DATA.id, comparison),
    "filename": _text(_DATA.filename),
    "object_name": _text(_DATA.object_name),
    "content_type": _text(_DATA.content_type),
    "type": _type,
    "upload_status": _upload_status,
    "created_at": _created_at,
    "width": _number(_DATA.width),
    "height": _number(_DATA.height),
    "meta.width": _number(_DATA.width),
    "meta.height": _number(_DATA.height),
    "file_size": _number(_DATA.file_size),
    # The embedded platform has no datasets: the relation is always empty.
    "datasets.version": values.empty_relation,
}
NAMES = sorted([*_FIELDS, TAG_NAME, SOURCE_NAME, *(_METADATA + key for key in METADATA_KEYS)])


def plain_condition(comparison: Comparison) -> Condition:
    """Compile a comparison of a field in the data's own row.

    Raises:
        QueryError: there is no such field, or it cannot be compared like this.
    """
    build = _FIELDS.get(comparison.name)
    if build is not None:
        return build(comparison)
    if comparison.name.startswith(_METADATA):
        return _metadata(comparison)
    if comparison.name.startswith(_CUSTOM):
        keys = comparison.name.removeprefix(_CUSTOM).split(".")
        if max(len(key) for key in keys) > _KEY_LENGTH:
            raise QueryError(
                f"a key of custom_metadata in a query has at most {_KEY_LENGTH} characters", comparison.column
            )
        return values.json_field(values.json_value("data.custom_metadata", keys), comparison)
    raise _unknown(comparison)


def _metadata(comparison: Comparison) -> Condition:
    key = comparison.name.removeprefix(_METADATA)
    if key not in METADATA_KEYS:
        raise _unknown(comparison)
    if key in METADATA_DATETIMES:
        # A column of that name holds the instant; the metadata, its text.
        return values.moment(_DATA[key], comparison, _microseconds)
    found = values.json_value("data.metadata", [key]).value
    if key in METADATA_FLOATS:
        return values.number(found, comparison)
    return values.text(found, comparison)


def _unknown(comparison: Comparison) -> QueryError:
    near = get_close_matches(comparison.name, NAMES, n=3, cutoff=0.5)
    also = f"; near it are {', '.join(near)}" if near else f"; known are {', '.join(sorted(_FIELDS))}, {TAG_NAME}, ..."
    return QueryError(f"there is no field {comparison.name}{also}", comparison.column)
