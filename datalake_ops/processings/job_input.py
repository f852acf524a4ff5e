"""Input of a job, read from the platform: its lake, its parameters, and its data."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any
from uuid import UUID

from datalake_ops import arguments
from datalake_ops.client import lakes
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.data import DataFilter, list_named
from datalake_ops.client.jobs import get_job
from datalake_ops.config import Connection
from datalake_ops.errors import ConfigurationError, DatalakeError
from datalake_ops.hook.lake_session import LakeContext
from datalake_ops.lake import Lake
from datalake_ops.processings.stored_objects import fetch
from datalake_ops.wire.data import Data
from datalake_ops.wire.lakes import Organization
from datalake_ops.wire.paging import PAGE_SIZE

# Pages of data that are asked for at once.
_PAGES_AT_ONCE = 4


class ContractError(DatalakeError):
    """The job lacks data that a program needs: it was run by hand, or by a platform that differs."""


@dataclass(frozen=True)
class JobInput:
    """Lake, parameters and data of a job; data that are not in the lake any more have only an id."""

    lake: Lake
    parameters: Mapping[str, Any]
    data_ids: Sequence[UUID]
    data: tuple[Data, ...]


async def read_job(connection: Connection, job_id: UUID) -> JobInput:
    """Read the input of a job.

    Raises:
        ContractError: the job has no lake or no payload.
        AnswerError, NetworkError: the platform does not answer it.
    """
    async with AsyncSession(connection) as session:
        ping, job = await asyncio.gather(session.send(lakes.ping()), session.send(get_job(job_id)))
        context = job.processing_job or {}
        lake_id, payload = context.get("target_id"), context.get("payload_presigned_url")
        if not lake_id or not payload:
            raise ContractError(f"Job {job_id} has no target_id and payload; it is not a job of a datalake processing.")
        organization, content = await asyncio.gather(
            _organization(session, ping.default_organization), fetch(session, str(payload))
        )
    async with AsyncSession(connection, organization.id) as session:
        target = arguments.identifier("target_id", lake_id)
        datalake = await session.send(lakes.get_datalake(organization.id, target))
        lake = LakeContext(
            ping.username, organization, datalake, frozenset(ping.extensions), frozenset(ping.readable_types)
        )
        ids = arguments.identifiers("data_ids", json.loads(content).get("data_ids")) or []
        return JobInput(lake, context.get("parameters") or {}, ids, await _data(session, lake, ids))


async def _organization(session: AsyncSession, default: UUID | None) -> Organization:
    connection = session.connection
    organization_id = connection.organization_id if isinstance(connection.organization_id, UUID) else None
    if organization_id is None and connection.organization_name:
        organization_id = await session.send(lakes.find_organization(connection.organization_name))
    if organization_id is None and default is None:
        raise ConfigurationError("The token has no default organization; the environment has to name one.")
    return await session.send(lakes.get_organization(organization_id or UUID(str(default))))


async def _data(session: AsyncSession, lake: Lake, ids: Sequence[UUID]) -> tuple[Data, ...]:
    turn = asyncio.Semaphore(_PAGES_AT_ONCE)

    async def page(start: int) -> Sequence[Data]:
        async with turn:
            chunk = ids[start : start + PAGE_SIZE]
            return (await session.send(list_named(lake.datalake.id, "ids", chunk, DataFilter()))).items

    pages = await asyncio.gather(*(page(start) for start in range(0, len(ids), PAGE_SIZE)))
    return tuple(chain.from_iterable(pages))
