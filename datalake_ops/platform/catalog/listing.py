"""Listing queries: a filter as SQL, pages of keys, and the total number of matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from datalake_ops.platform.catalog.ordering import order
from datalake_ops.platform.http.errors import bad_request
from datalake_ops.platform.ql.conditions import CompiledFilter, TagSet, compile_filter, has_any_tag
from datalake_ops.platform.ql.tree import QueryError
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.types import to_json
from datalake_ops.wire.data import DataType, UploadStatus

STATUSES = frozenset(status.value for status in UploadStatus)
TYPES = frozenset(kind.value for kind in DataType)
# Defaults of a listing that names neither statuses nor types, as the hosted platform seems to have.
USUAL_STATUSES = frozenset({UploadStatus.DONE.value})
USUAL_TYPES = frozenset({DataType.IMAGE.value})

# Several tags drive the query only if they match few data; their union has to be sorted before the first row.
_FEW = 50_000

_DATA = schema.data.c
_PAIRS = schema.data_tag.c
# `seq` is the order of registration, which is the order of `created_at`, and it has the index.
_ORDER: Mapping[str, Any] = {
    "created_at": _DATA.seq,
    "filename": _DATA.filename,
    "object_name": _DATA.object_name,
    "id": _DATA.id,
    "type": _DATA.type,
    "content_type": _DATA.content_type,
    "upload_status": _DATA.upload_status,
    "width": _DATA.width,
    "height": _DATA.height,
    "file_size": _DATA.file_size,
}


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
class ListingQuery:
    """Query for the data of a lake that match a filter."""

    lake: LakeRow
    listing_filter: ListingFilter
    filter: CompiledFilter
    driver: TagSet | None

    def newest(self, connection: Connection, limit: int, before: int | None, offset: int) -> list[int]:
        """Keys of a page, newest first, below the key `before`."""
        key = self._key
        page = self._chosen(key).order_by(key.desc()).limit(limit)
        if before is not None:
            page = page.where(key < before)
        return list(connection.execute(page.offset(offset) if offset else page).scalars())

    def ordered(self, connection: Connection, names: list[str], limit: int, offset: int) -> list[int]:
        """Keys of a page in the order of some fields."""
        terms = order(names, _ORDER, _DATA.seq)
        page = self._scanned(_DATA.seq).order_by(*terms).limit(limit).offset(offset)
        return list(connection.execute(page).scalars())

    def matching(self, connection: Connection, chosen: Sequence[ColumnElement[bool]], limit: int) -> list[int]:
        """Keys of the data that also meet other conditions, oldest first."""
        wanted = self._scanned(_DATA.seq).where(*chosen).order_by(_DATA.seq).limit(limit)
        return list(connection.execute(wanted).scalars())

    def among(self, connection: Connection, column: ColumnElement[Any], values: Sequence[Any]) -> dict[Any, list[int]]:
        """Keys of the data whose column has one of these values, by value."""
        wanted = self._scanned(_DATA.seq, column.label("found")).where(column.in_(values)).order_by(_DATA.seq)
        found: dict[Any, list[int]] = {}
        for row in connection.execute(wanted):
            found.setdefault(row.found, []).append(row.seq)
        return found

    def sort(self, connection: Connection, seqs: Sequence[int], names: list[str]) -> list[int]:
        """Sort keys by some fields."""
        wanted = select(_DATA.seq).where(_DATA.seq.in_(seqs)).order_by(*order(names, _ORDER, _DATA.seq))
        return list(connection.execute(wanted).scalars())

    def count(self, connection: Connection) -> int:
        """Total number of matches."""
        if not self.filter.conditions and not self.listing_filter.custom_metadata:
            if not self.filter.tags:
                return self._count_lake(connection)
            if self.driver is not None and len(self.driver.keys) == 1 and self._driver_is_all:
                return self.driver.data_count
        return int(connection.execute(self._chosen(func.count())).scalar_one())

    @property
    def _key(self) -> ColumnElement[int]:
        """The key to page by: the tags' own table where it leads, so that its index gives the order."""
        return _PAIRS.data_seq if self._single else _DATA.seq

    @property
    def _single(self) -> bool:
        return self.driver is not None and len(self.driver.keys) == 1

    @property
    def _driver_is_all(self) -> bool:
        return len(self.filter.tags) == 1 and not self._row_conditions()

    def _chosen(self, column: ColumnElement[Any]) -> Select[Any]:
        if self.driver is None:
            return self._scanned(column)
        others = [has_any_tag(tags) for tags in self.filter.tags if tags is not self.driver]
        conditions = [*self._row_conditions(), *others]
        if self._single:
            return self._by_tag(column, conditions)
        united = select(_PAIRS.data_seq).where(_PAIRS.tag_key.in_(self.driver.keys)).distinct().subquery("united")
        source = united.join(schema.data, _DATA.seq == united.c.data_seq)
        return select(column).select_from(source).where(*conditions)

    def _by_tag(self, column: ColumnElement[Any], conditions: list[ColumnElement[bool]]) -> Select[Any]:
        keys = self.driver.keys if self.driver else ()
        wanted = select(column).where(_PAIRS.tag_key == keys[0])
        if not conditions:  # A tag's data are all of its lake: their rows need not be read.
            return wanted.select_from(schema.data_tag)
        source = schema.data_tag.join(schema.data, _DATA.seq == _PAIRS.data_seq)
        return wanted.select_from(source).where(*conditions)

    def _scanned(self, *columns: ColumnElement[Any]) -> Select[Any]:
        every = [_DATA.lake_key == self.lake.key, *self._row_conditions()]
        return (
            select(*columns).select_from(schema.data).where(*every, *(has_any_tag(tags) for tags in self.filter.tags))
        )

    def _row_conditions(self) -> list[ColumnElement[bool]]:
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

    def _count_lake(self, connection: Connection) -> int:
        totals = schema.lake_count.c
        wanted = select(func.coalesce(func.sum(totals.count), 0)).where(
            totals.lake_key == self.lake.key,
            totals.upload_status.in_(sorted(self.listing_filter.statuses)),
            totals.type.in_(sorted(self.listing_filter.types)),
        )
        return int(connection.execute(wanted).scalar_one())


def parse_custom(text: str | None) -> dict[str, Any]:
    """Parse the parameter `custom_metadata` of a listing: JSON text of an object.

    Raises:
        RefusalError: 400, it is not valid JSON object.
    """
    if not text:
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise bad_request("custom_metadata is not valid JSON.", str(error)) from error
    if not isinstance(value, dict):
        raise bad_request("custom_metadata must be a JSON object.")
    return value


def compile_listing(connection: Connection, lake: LakeRow, listing_filter: ListingFilter) -> ListingQuery:
    """Compile a filter into a query.

    Raises:
        RefusalError: 400, the query text cannot be parsed; the message has the column.
    """
    if not listing_filter.q.strip():
        return ListingQuery(lake, listing_filter, CompiledFilter(), None)
    # The parser is loaded with the first query, so that a server is ready sooner.
    from datalake_ops.platform.ql.grammar import parse

    try:
        found = compile_filter(connection, lake, parse(listing_filter.q))
    except QueryError as error:
        raise bad_request(f"The query cannot be understood: {error}.") from error
    return ListingQuery(lake, listing_filter, found, _driver(found))


def _driver(found: CompiledFilter) -> TagSet | None:
    """Tag set that drives the query: the one with the fewest data, unless a more selective column is named."""
    if found.narrow:
        return None
    leading = (tags for tags in found.tags if len(tags.keys) == 1 or tags.data_count <= _FEW)
    return min(leading, key=lambda tags: tags.data_count, default=None)


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
    if isinstance(value, (int, float)):
        return and_(kind.in_(("integer", "real")), found == value)
    return and_(kind.in_(("array", "object")), found == to_json(value))
