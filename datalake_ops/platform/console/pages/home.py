"""Home page of an organization."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy import Connection, Row, func, select
from starlette.responses import Response

from datalake_ops.platform.console.lake_figures import LakeFigures, figures_of
from datalake_ops.platform.console.rendering import page, see_other
from datalake_ops.platform.console.routing import PageRoute, require_session
from datalake_ops.platform.services import base_url, services
from datalake_ops.platform.store import schema
from datalake_ops.wire.jobs import JobStatus

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_RUNNING = (JobStatus.PENDING, JobStatus.QUEUED, JobStatus.RUNNING)
_FAILED = (JobStatus.FAILED,)
_LATELY = timedelta(days=7)
_MOST_JOBS = 10


@router.get("/")
async def start(request: Request) -> Response:
    """Open the home page of the session's organization."""
    session = await require_session(request)
    return see_other(request, f"/{session.organization_id}")


@router.get("/{organization:uuid}")
async def home(request: Request, organization: UUID) -> Response:
    """Show the organization's lakes, and its jobs that run or failed lately."""
    session = await require_session(request)
    lake, number = schema.lake.c, schema.lake_count.c
    statement = (
        select(lake.key, lake.id, lake.name, func.coalesce(func.sum(number.count), 0).label("data_count"))
        .select_from(schema.lake.outerjoin(schema.lake_count, number.lake_key == lake.key))
        .where(lake.organization_id == organization)
        .group_by(lake.key)
        .order_by(lake.name)
    )

    def read(connection: Connection) -> tuple[list[dict[str, Any]], list[Row[Any]], list[Row[Any]]]:
        lakes = [dict(row) for row in connection.execute(statement).mappings()]
        return lakes, _jobs(connection, organization, _RUNNING), _jobs(connection, organization, _FAILED, _LATELY)

    figures = await figures_of(request).read(organization)
    lakes, running, failed = await services(request).database.read(read)
    for one in lakes:
        one["figures"] = None if figures is None else figures.get(one["key"], LakeFigures())
    return page(
        request,
        "home.html",
        session,
        lakes=lakes,
        running=running,
        failed=failed,
        most=_MOST_JOBS,
        base=base_url(request),
    )


def _jobs(
    connection: Connection, organization: UUID, statuses: Sequence[JobStatus], age: timedelta | None = None
) -> list[Row[Any]]:
    """Jobs of these statuses, the newest first, and no more than the page shows and one."""
    column = schema.job.c
    conditions = [column.organization_id == organization, column.status.in_([one.value for one in statuses])]
    conditions += [column.created_at >= datetime.now(UTC) - age] if age is not None else []
    names = schema.job.outerjoin(schema.processing, schema.processing.c.id == column.processing_id)
    statement = select(
        column.id, column.kind, column.status, column.created_at, column.reason, schema.processing.c.name
    ).select_from(names)
    return list(
        connection.execute(statement.where(*conditions).order_by(column.created_at.desc()).limit(_MOST_JOBS + 1))
    )
