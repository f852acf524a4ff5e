"""Bytes and growth of lakes: counted beside the pages, which show them as soon as they are known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from fastapi import Request
from sqlalchemy import BigInteger, Connection, case, func, select, type_coerce

from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.database import Database, ReadTooLongError

DAYS = 14
# How long a page waits for figures, how long counting may take, and how long its result is shown.
_WAIT_SECONDS, _COUNT_SECONDS, _KEPT_SECONDS = 0.2, 20.0, 60.0
_DAY = 86_400_000_000  # microseconds
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class LakeFigures:
    """Bytes of a lake's data, and how many were registered on each of the last days (UTC), the oldest first."""

    size_bytes: int = 0
    days: tuple[tuple[str, int], ...] = ()


@dataclass
class _Counting:
    """A count that runs or has ended, and the figures of before."""

    task: asyncio.Task[Mapping[int, LakeFigures] | None]
    began_at: float
    before: Mapping[int, LakeFigures] | None


class FiguresCache:
    """Figures of organizations' lakes; one scan of an organization's data at a time, once a minute at most."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._countings: dict[UUID, _Counting] = {}

    async def read(self, organization: UUID) -> Mapping[int, LakeFigures] | None:
        """Return the figures by lake key; None while they are not known yet, or where counting takes too long."""
        counting = self._countings.get(organization)
        if counting is None or (counting.task.done() and time.monotonic() - counting.began_at > _KEPT_SECONDS):
            before = counting.task.result() if counting is not None else None
            counting = _Counting(asyncio.create_task(self._count(organization)), time.monotonic(), before)
            self._countings[organization] = counting
        await asyncio.wait({counting.task}, timeout=_WAIT_SECONDS)
        return counting.task.result() if counting.task.done() else counting.before

    async def _count(self, organization: UUID) -> Mapping[int, LakeFigures] | None:
        try:
            return await self._database.read(lambda connection: _figures(connection, organization), _COUNT_SECONDS)
        except ReadTooLongError:
            return None


def figures_of(request: Request) -> FiguresCache:
    """Return the figures of the application that answers this request."""
    state = request.app.state
    if not hasattr(state, "console_figures"):
        state.console_figures = FiguresCache(services(request).database)
    found: FiguresCache = state.console_figures
    return found


def _figures(connection: Connection, organization: UUID) -> Mapping[int, LakeFigures]:
    lake, data = schema.lake.c, schema.data.c
    first_day = datetime.now(UTC).date() - timedelta(DAYS - 1)
    # Days since 1970; those before the first day of the chart count as one.
    first: int = (first_day - _EPOCH).days
    number = type_coerce(data.created_at, BigInteger).op("/")(_DAY)
    day = case((number >= first, number), else_=first - 1)
    statement = (
        select(data.lake_key, day.label("day"), func.count().label("number"), func.sum(data.file_size).label("bytes"))
        .join(schema.lake, lake.key == data.lake_key)
        .where(lake.organization_id == organization)
        .group_by(data.lake_key, day)
    )
    sizes: dict[int, int] = {}
    counts: dict[int, dict[int, int]] = {}
    for row in connection.execute(statement):
        sizes[row.lake_key] = sizes.get(row.lake_key, 0) + int(row.bytes or 0)
        counts.setdefault(row.lake_key, {})[int(row.day)] = row.number
    return {
        key: LakeFigures(
            size, tuple((str(first_day + timedelta(n)), counts[key].get(first + n, 0)) for n in range(DAYS))
        )
        for key, size in sizes.items()
    }
