"""Change feed of a lake (extension `changes`)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from datalake_ops.platform.catalog.changes import ChangeRange, read_changes
from datalake_ops.platform.catalog.ownership import LakeDep
from datalake_ops.platform.http.errors import bad_request, json_response
from datalake_ops.platform.services import services
from datalake_ops.wire import routes
from datalake_ops.wire.changes import ChangePage
from datalake_ops.wire.paging import PAGE_SIZE

router = APIRouter(tags=["changes"])

_LARGEST = 2**63
_DIGITS = 19


class ChangesQuery(BaseModel):
    """Query of the change feed: changes after `cursor`, up to `until`."""

    cursor: str | None = None
    until: str | None = None
    limit: int = Field(default=PAGE_SIZE, ge=1, le=PAGE_SIZE)


@router.get(routes.CHANGES, response_model=ChangePage)
async def list_changes(lake: LakeDep, request: Request, parameters: Annotated[ChangesQuery, Query()]) -> Response:
    """List data that became ready or were tagged, and jobs that ended, oldest first; without a cursor the log's end."""
    change_range = ChangeRange(_seq(parameters.cursor), _seq(parameters.until), parameters.limit)
    page: dict[str, Any] = await services(request).database.read(
        partial(read_changes, lake=lake, change_range=change_range)
    )
    return json_response(page)


def _seq(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    # Its length first: Python refuses to read a number of thousands of digits.
    if len(cursor) > _DIGITS or not cursor.isascii() or not cursor.isdigit() or int(cursor) >= _LARGEST:
        raise bad_request("The cursor is not one that this platform gave.")
    return int(cursor)
