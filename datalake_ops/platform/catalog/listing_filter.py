"""Filters of listings, compiled to SELECT statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select

from datalake_ops.platform.http.errors import bad_request
from datalake_ops.platform.ql.conditions import CompiledFilter, TagSet, has_any_tag
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.types import to_json
from datalake_ops.wire.data import DataType, UploadStatus

STATUSES = frozenset(status.value for status in UploadStatus)
TYPES = frozenset(kind.value for kind in DataType)
# Defaults of a listing that names neither statuses nor types, as the hosted platform seems to have.
USUAL_STATUSES = frozenset({UploadStatus.DONE.value})
USUAL_TYPES = frozenset({DataType.IMAGE.value})

_LARGEST_INTEGER = 2**63 - 1

_DATA = schema.data.c
_PAIRS = schema.data_tag.c


@dataclass(frozen=True)
class ListingFilter:
    """Filter of a listing as the request states it."""

    statuses: frozenset[str] = STATUSES
    types: frozenset[str] = TYPES
    q: str = ""
    custom_metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, given, known in (("upload_statuses", self.statuses, STATUSES), ("types", self.types, TYPES)):
            unknown = sorted(given - known)
            if unknown:
                raise bad_request(f"{name} {unknown[0]!r} is not known; known are {', '.join(sorted(known))}.")

    def identity(self) -> list[Any]:
        """Values that identify this filter, for its digest."""
        return [sorted(self.statuses), sorted(self.types), self.q, dict(self.custom_metadata)]


@dataclass(frozen=True)
class MatchSelect:
    """SELECT statements for the data of a lake that match a filter; `driver` is the tag set to start from."""

    lake: LakeRow
    listing_filter: ListingFilter
    filter: CompiledFilter
    driver: TagSet | None

    @property
    def key(self) -> ColumnElement[int]:
        """Key to page by: of the tags' own table where it drives the query, so that its index gives the order."""
        return _PAIRS.data_seq if self.is_single_tag else _DATA.seq

    @property
    def is_single_tag(self) -> bool:
        """Return True if one tag drives the query."""
        return self.driver is not None and len(self.driver.keys) == 1

    @property
    def is_whole_tag(self) -> bool:
        """Return True if the matches are all data of one tag, whose number is known."""
        return self.is_single_tag and len(self.filter.tags) == 1 and not self._conditions()

    def from_driver(self, column: ColumnElement[Any]) -> Select[Any]:
        """Select a column of the matches, read by the tags that drive the query, else as `scan`."""
        if self.driver is None:
            return self.scan(column)
        others = [has_any_tag(tags) for tags in self.filter.tags if tags is not self.driver]
        conditions = [*self._conditions(), *others]
        if self.is_single_tag:
            return self._by_tag(column, conditions)
        united = select(_PAIRS.data_seq).where(_PAIRS.tag_key.in_(self.driver.keys)).distinct().subquery("united")
        source = united.join(schema.data, _DATA.seq == united.c.data_seq)
        return select(column).select_from(source).where(*conditions)

    def _by_tag(self, column: ColumnElement[Any], conditions: list[ColumnElement[bool]]) -> Select[Any]:
        keys = self.driver.keys if self.driver else ()
        statement = select(column).where(_PAIRS.tag_key == keys[0])
        if not conditions:  # A tag's data are all of its lake: their rows need not be read.
            return statement.select_from(schema.data_tag)
        source = schema.data_tag.join(schema.data, _DATA.seq == _PAIRS.data_seq)
        return statement.select_from(source).where(*conditions)

    def scan(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Select columns of the matches from the table of data."""
        every = [_DATA.lake_key == self.lake.key, *self._conditions()]
        return (
            select(*columns).select_from(schema.data).where(*every, *(has_any_tag(tags) for tags in self.filter.tags))
        )

    def _conditions(self) -> list[ColumnElement[bool]]:
        conditions = list(self.filter.conditions)
        conditions += [_custom_equal(key, value) for key, value in self.listing_filter.custom_metadata.items()]
        if self.listing_filter.statuses != STATUSES:
            conditions.append(_DATA.upload_status.in_(sorted(self.listing_filter.statuses)))
            if UploadStatus.DONE.value not in self.listing_filter.statuses:
                # Repeats the condition of the partial index, which SQLite would not use otherwise.
                conditions.append(_DATA.upload_status != UploadStatus.DONE.value)
        if self.listing_filter.types != TYPES:
            conditions.append(_DATA.type.in_(sorted(self.listing_filter.types)))
        return conditions


def _custom_equal(key: str, value: Any) -> ColumnElement[bool]:
    """Condition that a key of custom metadata equals a value of the same type; lists and objects by their JSON text."""
    if '"' in key:
        raise bad_request(f"custom_metadata key {key!r} cannot be searched by: it holds a double quote.")
    path = f'$."{key}"'
    found, kind = func.json_extract(_DATA.custom_metadata, path), func.json_type(_DATA.custom_metadata, path)
    if value is None:
        return kind == "null"
    if isinstance(value, bool):
        return kind == ("true" if value else "false")
    if isinstance(value, str):
        return and_(kind == "text", found == value)
    if isinstance(value, (int, float)) and value > _LARGEST_INTEGER:
        # SQLite reads a larger integer as a float, and only its text tells it from its neighbours: two paths give it.
        same_text = func.json_extract(_DATA.custom_metadata, path, path) == f"[{int(value)},{int(value)}]"
        same_float = found == float(value) if float(value) == value else false()
        return or_(and_(kind == "integer", same_text), and_(kind == "real", same_float))
    if isinstance(value, (int, float)):
        return and_(kind.in_(("integer", "real")), found == value)
    return and_(kind.in_(("array", "object")), found == to_json(value))
