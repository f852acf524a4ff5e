"""Registration of stored objects as data."""

from __future__ import annotations

import logging

from datalake_ops.client import data as data_operations
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.presigned import Tries
from datalake_ops.client.retry import Failure, Loss
from datalake_ops.errors import (
    AmbiguousRequestError,
    DatalakeError,
    NotFoundError,
    ResourceConflictError,
    UnexpectedAnswerError,
)
from datalake_ops.lake import Lake
from datalake_ops.wire.data import Data, DataToCreate

logger = logging.getLogger(__name__)


async def register(session: AsyncSession, lake: Lake, registration: DataToCreate) -> Data:
    """Register a stored object, once: after a lost answer it is looked up before the request is repeated.

    Raises:
        DatalakeError: it is not registered, or that is not known within the retry policy.
    """
    tries = Tries(session)
    while True:
        created = await _try_to_register(session, lake, registration)
        if isinstance(created, Data):
            return created
        logger.info("Looking up %s before it is registered again: %s", registration.object_name, created)
        data = await find_registered(session, lake, registration.object_name)
        if data is not None:
            return data
        if not await tries.again(Failure(loss=Loss.CUT)):
            raise created


async def find_registered(session: AsyncSession, lake: Lake, object_name: str) -> Data | None:
    """Return the data of an object; None when it is not registered."""
    try:
        return await session.send(data_operations.find_data(lake.datalake.id, object_name=object_name))
    except NotFoundError:
        return None


async def _try_to_register(session: AsyncSession, lake: Lake, registration: DataToCreate) -> Data | DatalakeError:
    try:
        return await session.send(data_operations.create_data(lake.datalake.id, registration))
    # All three leave open whether the data is there.
    except (AmbiguousRequestError, ResourceConflictError, UnexpectedAnswerError) as error:
        return error
