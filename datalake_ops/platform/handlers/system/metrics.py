"""Metrics for Prometheus."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from prometheus_client import generate_latest
from sqlalchemy import Connection, Row, func, select
from starlette.responses import PlainTextResponse, Response

from datalake_ops.platform.http.auth import AdminDep
from datalake_ops.platform.http.metrics import Metrics
from datalake_ops.platform.services import services
from datalake_ops.platform.settings import Settings
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.types import now
from datalake_ops.wire.jobs import JobKind, JobStatus

_WAITING = (JobStatus.PENDING.value, JobStatus.QUEUED.value)
_STATUSES = (*_WAITING, JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.KILLED)


def metrics_router(metrics: Metrics) -> APIRouter:
    """Create the route of a server's metrics."""
    router = APIRouter(tags=["server"])

    @router.get("/metrics", response_class=PlainTextResponse)
    async def read_metrics(request: Request, _admin: AdminDep) -> Response:
        """Requests, latencies, jobs, queue and disk of this server, in Prometheus' text format."""
        rows = await services(request).database.read(_jobs)
        _set_jobs(metrics, rows)
        text = await to_thread.run_sync(_text, metrics, services(request).settings)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _jobs(connection: Connection) -> Sequence[Row[Any]]:
    job = schema.job.c
    statement = select(job.kind, job.status, func.count().label("jobs"), func.min(job.created_at).label("oldest"))
    return connection.execute(statement.group_by(job.kind, job.status)).all()


def _set_jobs(metrics: Metrics, rows: Sequence[Row[Any]]) -> None:
    found = {(row.kind, row.status): row for row in rows}
    for kind in JobKind:
        for status in _STATUSES:
            row = found.get((kind.value, str(status)))
            metrics.jobs.labels(kind.value, str(status)).set(row.jobs if row else 0)
    waiting = [row for row in rows if row.status in _WAITING]
    metrics.queue.set(sum(row.jobs for row in waiting))
    oldest = min((row.oldest for row in waiting), default=None)
    metrics.oldest.set(0.0 if oldest is None else max(0.0, (now() - oldest).total_seconds()))


def _text(metrics: Metrics, settings: Settings) -> bytes:
    for name, folder in (("home", settings.home), ("bucket", settings.bucket)):
        usage = shutil.disk_usage(folder)
        metrics.disk_free.labels(name).set(usage.free)
        metrics.disk_size.labels(name).set(usage.total)
    files = settings.home.glob(f"{settings.database.name}*")
    metrics.database.set(sum(file.stat().st_size for file in files))
    return generate_latest(metrics.registry)
