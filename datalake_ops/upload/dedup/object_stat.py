"""Check of a stored object by its size, where the platform offers `object-stat`."""

from __future__ import annotations

from datalake_ops.client import uploads
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.errors import NotFoundError
from datalake_ops.lake import Lake
from datalake_ops.wire.lakes import Extension


async def is_whole(session: AsyncSession, lake: Lake, object_name: str, size: int, *, default: bool) -> bool:
    """Return True if the storage has an object of `size` bytes; `default` where the platform cannot be asked that.

    Raises:
        AnswerError, NetworkError: the request failed.
    """
    if not lake.offers(Extension.OBJECT_STAT):
        return default
    try:
        return (await session.send(uploads.object_stat(lake.connector_id, object_name))).size == size
    except NotFoundError:
        return False
