"""Statements sent to the SQLite driver directly, for code that runs a thousand times a second.

SQLAlchemy's own execution takes about 50 µs per statement, SQLite's a few.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from sqlite3 import Connection as SqliteConnection
from sqlite3 import Cursor
from typing import Any, cast

from sqlalchemy import Connection

from datalake_ops.platform.store.types import to_json


def execute(connection: Connection, statement: str, values: Sequence[Any] = ()) -> Cursor:
    """Execute a statement with `?` parameters within the connection's transaction."""
    return _driver(connection).execute(statement, values)


def execute_many(connection: Connection, statement: str, rows: Iterable[Sequence[Any]]) -> Cursor:
    """Execute a statement for each row of parameters."""
    return _driver(connection).executemany(statement, rows)


def rows_by_keys(connection: Connection, statement: str, keys: Iterable[int]) -> list[Any]:
    """Rows of a statement whose only parameter is a list of integers, read by `json_each(?)`.

    The list travels as one JSON text, so that the statement is the same for every length.
    """
    return _driver(connection).execute(statement, (to_json(list(keys)),)).fetchall()


def _driver(connection: Connection) -> SqliteConnection:
    return cast("SqliteConnection", connection.connection.driver_connection)
