"""Listing queries: a filter as SQL, pages of keys, and the total number of matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from datalake_ops.platform.catalog.listing_filter import ListingFilter, MatchSelect
from datalake_ops.platform.catalog.ordering import order
from datalake_ops.platform.http.errors import bad_request
from datalake_ops.platform.http.json_text import JsonLimits, JsonTextError, parse_json
from datalake_ops.platform.ql.conditions import CompiledFilter, TagSet, compile_filter
from datalake_ops.platform.ql.tree import And, Node, QueryError
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow

# Several tags drive the query only if they match few data; their union has to be sorted before the first row.
_FEW = 50_000

# Each key is a condition of the SQL statement, which SQLite limits.
_CUSTOM = JsonLimits(keys=100)

_DATA = schema.data.c
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
class ListingQuery:
    """Query for the data of a lake that match a filter."""

    matches: MatchSelect

    def newest_keys(self, connection: Connection, limit: int, before: int | None, offset: int) -> list[int]:
        """Keys of a page, newest first, below the key `before`."""
        key = self.matches.key
        page = self.matches.from_driver(key).order_by(key.desc()).limit(limit)
        if before is not None:
            page = page.where(key < before)
        return list(connection.execute(page.offset(offset) if offset else page).scalars())

    def ordered_keys(self, connection: Connection, names: list[str], limit: int, offset: int) -> list[int]:
        """Keys of a page in the order of some fields."""
        terms = order(names, _ORDER, _DATA.seq)
        page = self.matches.scan(_DATA.seq).order_by(*terms).limit(limit).offset(offset)
        return list(connection.execute(page).scalars())

    def matching_keys(self, connection: Connection, conditions: Sequence[ColumnElement[bool]], limit: int) -> list[int]:
        """Keys of the data that also meet other conditions, oldest first."""
        statement = self.matches.scan(_DATA.seq).where(*conditions).order_by(_DATA.seq).limit(limit)
        return list(connection.execute(statement).scalars())

    def keys_by_value(
        self, connection: Connection, column: ColumnElement[Any], values: Sequence[Any]
    ) -> dict[Any, list[int]]:
        """Keys of the data whose column has one of these values, by value."""
        statement = self.matches.scan(_DATA.seq, column.label("value")).where(column.in_(values)).order_by(_DATA.seq)
        keys: dict[Any, list[int]] = {}
        for row in connection.execute(statement):
            keys.setdefault(row.value, []).append(row.seq)
        return keys

    def sort(self, connection: Connection, seqs: Sequence[int], names: list[str]) -> list[int]:
        """Sort keys by some fields."""
        statement = select(_DATA.seq).where(_DATA.seq.in_(seqs)).order_by(*order(names, _ORDER, _DATA.seq))
        return list(connection.execute(statement).scalars())

    def count(self, connection: Connection) -> int:
        """Total number of matches."""
        known = self.known_count(connection)
        if known is not None:
            return known
        return int(connection.execute(self.matches.from_driver(func.count())).scalar_one())

    def known_count(self, connection: Connection) -> int | None:
        """Total number of matches where it need not be counted: of a whole lake or tag; else None."""
        matches = self.matches
        if matches.filter.conditions or matches.listing_filter.custom_metadata:
            return None
        if not matches.filter.tags:
            return self._count_lake(connection)
        return matches.driver.data_count if matches.driver is not None and matches.is_whole_tag else None

    def _count_lake(self, connection: Connection) -> int:
        totals = schema.lake_count.c
        statement = select(func.coalesce(func.sum(totals.count), 0)).where(
            totals.lake_key == self.matches.lake.key,
            totals.upload_status.in_(sorted(self.matches.listing_filter.statuses)),
            totals.type.in_(sorted(self.matches.listing_filter.types)),
        )
        return int(connection.execute(statement).scalar_one())


def parse_custom(text: str | None) -> dict[str, Any]:
    """Parse the parameter `custom_metadata` of a listing: JSON text of an object.

    Raises:
        RefusalError: 400, it is not a JSON object, or exceeds a limit.
    """
    if not text:
        return {}
    try:
        value = parse_json(text, _CUSTOM)
    except JsonTextError as error:
        raise bad_request("custom_metadata is not valid JSON.", str(error)) from error
    if not isinstance(value, dict):
        raise bad_request("custom_metadata must be a JSON object.")
    return value


def compile_listing(
    connection: Connection, lake: LakeRow, listing_filter: ListingFilter, more: Sequence[Node] = ()
) -> ListingQuery:
    """Compile a filter into a query; `more` are parts of the query tree that have to hold too.

    Raises:
        RefusalError: 400, the query text cannot be parsed; the message has the column.
    """
    parts = list(more)
    try:
        if listing_filter.q.strip():
            # The parser is loaded with the first query, so that a server is ready sooner.
            from datalake_ops.platform.ql.grammar import parse

            parsed = parse(listing_filter.q)
            parts = [*(parsed.parts if isinstance(parsed, And) else (parsed,)), *parts]
        if not parts:
            return ListingQuery(MatchSelect(lake, listing_filter, CompiledFilter(), None))
        compiled = compile_filter(connection, lake, And(tuple(parts)))
    except QueryError as error:
        raise bad_request(f"The query cannot be understood: {error}.") from error
    return ListingQuery(MatchSelect(lake, listing_filter, compiled, _driver(compiled)))


def _driver(compiled: CompiledFilter) -> TagSet | None:
    """Tag set that drives the query: the one with the fewest data, unless a more selective column is named."""
    if compiled.narrow:
        return None
    leading = (tags for tags in compiled.tags if len(tags.keys) == 1 or tags.data_count <= _FEW)
    return min(leading, key=lambda tags: tags.data_count, default=None)
