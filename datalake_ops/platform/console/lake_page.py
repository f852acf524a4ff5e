"""Pages of a lake's data: keys by cursor in four orders, and a count that never takes long."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Select, func, literal, select, tuple_

from datalake_ops.platform.catalog.cursors import digest
from datalake_ops.platform.catalog.listing import ListingQuery
from datalake_ops.platform.console.lake_filter import LakeFilter
from datalake_ops.platform.http.errors import bad_request
from datalake_ops.platform.http.json_text import parse_json
from datalake_ops.platform.services import Services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.database import ReadTooLongError
from datalake_ops.platform.store.rows import LakeRow

PAGE_SIZE = 60
# Matches that are counted at most where the number is not known by itself, and for how long.
COUNTED = 10_000
_COUNT_SECONDS = 0.1
# Data of a tag that are sorted for a page; those of a larger one are found in the order of all file names.
_SORTED = 20_000
_VERSION = 1
_LARGEST = 2**63
_DATA = schema.data.c


@dataclass(frozen=True)
class Count:
    """Number of matches: exact, or the least that it is; zero and not exact if it was not counted."""

    number: int
    is_exact: bool = True

    @property
    def words(self) -> str:
        """The number in words."""
        if self.is_exact:
            return f"{self.number:,} data"
        return f"more than {self.number:,} data" if self.number else "many data"


@dataclass(frozen=True)
class KeyPage:
    """Keys of a page, the number of all matches, and the cursor of the next page."""

    keys: list[int]
    count: Count
    next_cursor: str | None


@dataclass(frozen=True)
class _Place:
    """Place in an order after a data: its key, and its file name where that is the order."""

    key: int
    name: str
    count: Count


async def read_page(services: Services, lake: LakeRow, filter_: LakeFilter, cursor: str | None) -> KeyPage:
    """Read the keys of a page; the matches are counted with the first page only.

    Raises:
        RefusalError: 400, the query or the cursor cannot be understood.
    """
    identity = digest([str(lake.id), filter_.pairs])
    after = _read_cursor(cursor, identity) if cursor else None

    def read(connection: Connection) -> list[tuple[int, str]]:
        query = filter_.compile(connection, lake)
        return [(row[0], row[1]) for row in connection.execute(_statement(query, filter_.order_by, after))]

    found = await services.database.read(read)
    count = after.count if after else await _count(services, lake, filter_)
    rows, more = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    next_cursor = _write_cursor(_Place(*rows[-1], count), identity) if more else None
    return KeyPage([key for key, _ in rows], count, next_cursor)


def _statement(query: ListingQuery, order_by: str, after: _Place | None) -> Select[Any]:
    """Rows of key and file name of a page, and one more, which tells whether there is another page."""
    matches, descending = query.matches, order_by.startswith("-")
    if order_by.endswith("created_at"):
        key = matches.key
        statement = matches.from_driver(key).add_columns(literal(""))
        place: Any = None if after is None else after.key
        columns: Sequence[Any] = (key,)
        position: Any = key
    else:
        driver = matches.driver
        is_sorted = driver is not None and driver.data_count <= _SORTED
        seqs = matches.from_driver(matches.key).subquery("matching") if is_sorted else None
        statement = (
            select(_DATA.seq, _DATA.filename).join(seqs, seqs.c[0] == _DATA.seq)
            if seqs is not None
            else matches.scan(_DATA.seq, _DATA.filename)
        )
        columns = (_DATA.filename, _DATA.seq)
        position = tuple_(*columns)
        place = None if after is None else tuple_(literal(after.name), literal(after.key))
    if place is not None:
        statement = statement.where(position < place if descending else position > place)
    terms = [column.desc() if descending else column.asc() for column in columns]
    return statement.order_by(*terms).limit(PAGE_SIZE + 1)


async def _count(services: Services, lake: LakeRow, filter_: LakeFilter) -> Count:
    def count(connection: Connection) -> Count:
        query = filter_.compile(connection, lake)
        known = query.known_count(connection)
        if known is not None:
            return Count(known)
        some = query.matches.from_driver(query.matches.key).limit(COUNTED + 1).subquery()
        number = int(connection.execute(select(func.count()).select_from(some)).scalar_one())
        return Count(min(number, COUNTED), number <= COUNTED)

    try:
        return await services.database.read(count, _COUNT_SECONDS)
    except ReadTooLongError:
        return Count(0, is_exact=False)


def _write_cursor(place: _Place, identity: str) -> str:
    values = [_VERSION, identity, place.key, place.name, place.count.number, place.count.is_exact]
    return urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def _read_cursor(text: str, identity: str) -> _Place:
    try:
        padded = text.encode() + b"=" * (-len(text) % 4)
        version, made_for, key, name, number, is_exact = parse_json(urlsafe_b64decode(padded))
    except (ValueError, TypeError) as error:
        raise bad_request("The cursor is not one that this page gave.") from error
    numbers_fit = all(type(one) is int and 0 <= one < _LARGEST for one in (key, number))
    if version != _VERSION or not numbers_fit or not isinstance(name, str) or not isinstance(is_exact, bool):
        raise bad_request("The cursor is not one that this page gave.")
    if made_for != identity:
        raise bad_request("The cursor belongs to another filter; start again with the first page.")
    return _Place(key, name, Count(number, is_exact))
