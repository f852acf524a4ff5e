"""The operation that follows a lake (extension `changes`)."""

from __future__ import annotations

from uuid import UUID

from datalake_ops.client.operation import Operation, model, query
from datalake_ops.wire import routes
from datalake_ops.wire.changes import ChangePage
from datalake_ops.wire.paging import PAGE_SIZE


def list_changes(
    datalake: UUID, cursor: str | None = None, until: str | None = None, limit: int = PAGE_SIZE
) -> Operation[ChangePage]:
    """Read the changes after a cursor, up to another; without a cursor only the end of the log."""
    pairs = query(cursor=cursor, until=until, limit=limit)
    return Operation("GET", routes.CHANGES.format(datalake=datalake), model(ChangePage), pairs)
