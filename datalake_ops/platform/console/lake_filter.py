"""Filter of a lake's page, as its address states it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Connection, select

from datalake_ops.platform.catalog.listing import ListingQuery, compile_listing
from datalake_ops.platform.catalog.listing_filter import STATUSES, ListingFilter
from datalake_ops.platform.http.errors import bad_request
from datalake_ops.platform.ql.fields import SOURCE_NAME, TAG_NAME
from datalake_ops.platform.ql.tree import Comparison, Node, Operator
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow

ORDERS = {
    "-created_at": "newest first",
    "created_at": "oldest first",
    "filename": "by file name",
    "-filename": "by file name, backwards",
}
NEWEST = "-created_at"
ANY, ALL = "any", "all"
_DATA = schema.data.c
_DAY = timedelta(days=1)
# Keys are in the order of registration, up to what a clock may have been set back meanwhile.
_MARGIN = _DAY


@dataclass(frozen=True)
class LakeFilter:
    """Filter and order: query text, tags (any or all of them), source, status, and the days of registration, in UTC.

    Raises:
        RefusalError: 400, a value is not one of those that its field takes.
    """

    q: str = ""
    tags: tuple[str, ...] = ()
    match: str = ANY
    source: str = ""
    status: str = ""
    since: str = ""
    until: str = ""
    order_by: str = NEWEST

    def __post_init__(self) -> None:
        if self.order_by not in ORDERS:
            raise bad_request(f"order_by {self.order_by!r} is not known; known are {', '.join(ORDERS)}.")
        if self.status and self.status not in STATUSES:
            raise bad_request(f"status {self.status!r} is not known; known are {', '.join(sorted(STATUSES))}.")
        if self.match not in (ANY, ALL):
            raise bad_request(f"match is {ANY} or {ALL}, not {self.match!r}.")
        _day("since", self.since)
        _day("until", self.until)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> LakeFilter:
        """Read a filter from the fields of a query or form; empty ones are left out, unknown ones ignored."""
        given: dict[str, Any] = {"tags": ()}
        for name, value in pairs:
            text = value.strip()
            if text and name == "tag":
                given["tags"] = tuple(dict.fromkeys((*given["tags"], text)))
            elif text and name in ("q", "match", "source", "status", "since", "until", "order_by"):
                given[name] = text
        return cls(**given)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Fields that differ from those of a filter of nothing."""
        names = ("q", "match", "source", "status", "since", "until", "order_by")
        usual = LakeFilter()
        plain = [(name, getattr(self, name)) for name in names if getattr(self, name) != getattr(usual, name)]
        return [*plain, *(("tag", tag) for tag in self.tags)]

    @property
    def query(self) -> str:
        """Query of an address that states this filter."""
        return urlencode(self.pairs)

    @property
    def is_empty(self) -> bool:
        """Return True if every data of the lake matches."""
        return not replace(self, order_by=NEWEST, match=ANY).pairs

    def compile(self, connection: Connection, lake: LakeRow) -> ListingQuery:
        """Compile the filter into a query.

        Raises:
            RefusalError: 400, the query text cannot be parsed; the message has the column.
        """
        statuses = frozenset({self.status}) if self.status else STATUSES
        query = compile_listing(connection, lake, ListingFilter(statuses, q=self.q), self._nodes())
        conditions = self._days(connection)
        if not conditions:
            return query
        matches = query.matches
        compiled = replace(matches.filter, conditions=(*matches.filter.conditions, *conditions))
        return ListingQuery(replace(matches, filter=compiled))

    def _nodes(self) -> list[Node]:
        nodes: list[Node] = []
        if self.tags and self.match == ANY:
            nodes.append(Comparison(TAG_NAME, Operator.IN, self.tags))
        elif self.tags:
            nodes += [Comparison(TAG_NAME, Operator.EQUAL, (tag,)) for tag in self.tags]
        if self.source:
            nodes.append(Comparison(SOURCE_NAME, Operator.EQUAL, (self.source,)))
        return nodes

    def _days(self, connection: Connection) -> list[ColumnElement[bool]]:
        """Conditions on the moment of registration, and on the keys, by whose order the moments are found quickly."""
        conditions: list[ColumnElement[bool]] = []
        if (first := _day("since", self.since)) is not None:
            conditions += [_DATA.created_at >= first, _DATA.seq >= _first_key(connection, first - _MARGIN)]
        if (last := _day("until", self.until)) is not None:
            conditions += [_DATA.created_at < last + _DAY, _DATA.seq < _first_key(connection, last + _DAY + _MARGIN)]
        return conditions


def _day(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise bad_request(f"{name} is a day such as 2026-01-31, not {text!r}.") from error
    if not 1970 <= day.year < 9990:
        raise bad_request(f"{name} lies between 1970 and 9990, not in {day.year}.")
    return day


def _first_key(connection: Connection, moment: datetime) -> int:
    """Key of the first data that was registered at a moment or later, one above the last if there is none."""
    low, high = 0, (connection.execute(select(_DATA.seq).order_by(_DATA.seq.desc()).limit(1)).scalar() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        statement = select(_DATA.seq, _DATA.created_at).where(_DATA.seq >= middle).order_by(_DATA.seq).limit(1)
        row = connection.execute(statement).first()
        if row is None or row.created_at >= moment:
            high = middle
        else:
            low = row.seq + 1
    return low
