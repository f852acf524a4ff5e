"""Order, limit and offset of the lists that are not paged by cursor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select

from datalake_ops.platform.http.errors import bad_request

# The largest offset; as a limit it never ends a list (SQLite has no OFFSET without LIMIT).
MAX_OFFSET = 2**62


class PageParameters(BaseModel):
    """Limit, offset and order of a list; by default the whole list."""

    limit: int | None = Field(default=None, ge=1, le=MAX_OFFSET)
    offset: int = Field(default=0, ge=0, le=MAX_OFFSET)
    order_by: list[str] = Field(default_factory=list)


def apply_page(statement: Select[Any], parameters: PageParameters, columns: Mapping[str, Any], tie: Any) -> Select[Any]:
    """Apply order, limit and offset to a query; `tie` breaks ties, and is the order when none is given."""
    ordered = statement.order_by(*order(parameters.order_by, columns, tie))
    if parameters.limit is None and not parameters.offset:
        return ordered
    return ordered.limit(parameters.limit or MAX_OFFSET).offset(parameters.offset)


def order(names: list[str], columns: Mapping[str, Any], tie: Any) -> list[ColumnElement[Any]]:
    """Columns to sort by: a name, or `-name` for descending.

    Raises:
        RefusalError: 400, a name is not sortable.
    """
    terms: list[ColumnElement[Any]] = []
    for name in names:
        column = columns.get(name.removeprefix("-"))
        if column is None:
            raise bad_request(f"order_by {name!r} is not known; known are {', '.join(sorted(columns))}.")
        terms.append(column.desc() if name.startswith("-") else column.asc())
    last_down = bool(names) and names[-1].startswith("-")
    terms.append(tie.desc() if last_down else tie.asc())
    return terms
