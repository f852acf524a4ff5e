"""ASGI application: services, routers, and error answers in the wire's form."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

from fastapi import FastAPI
from sqlalchemy.exc import OperationalError

from datalake_ops.platform.catalog.ownership import DatabaseDirectory
from datalake_ops.platform.console.routers import CONSOLE_ROUTERS
from datalake_ops.platform.handlers import (
    changes,
    charts,
    connectors,
    data,
    datas,
    imports,
    jobs,
    lakes,
    metadata_schema,
    organizations,
    processings,
    projections,
    sources,
    tags,
)
from datalake_ops.platform.handlers.storage import objects, presigned
from datalake_ops.platform.handlers.system import health, programs
from datalake_ops.platform.handlers.system.admin import admin_router
from datalake_ops.platform.handlers.system.metrics import metrics_router
from datalake_ops.platform.http import errors, openapi
from datalake_ops.platform.http.access_log import AccessLog
from datalake_ops.platform.http.fault_injection import FaultMiddleware, Faults
from datalake_ops.platform.http.metrics import Metrics
from datalake_ops.platform.http.request_observer import RequestObserver
from datalake_ops.platform.jobs.service import open_jobs
from datalake_ops.platform.objects.collection.collector import DAY_SECONDS, ObjectCollector
from datalake_ops.platform.objects.object_store import LocalObjectStore, open_store
from datalake_ops.platform.services import Services
from datalake_ops.platform.settings import Settings
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.store.disk_space import DiskFullError
from datalake_ops.platform.store.tokens import Tokens

_USE_SECONDS = 10.0
_logger = logging.getLogger(__name__)

# Routes are tried in this order: the busiest first, and a fixed word before a parameter in its place.
_ROUTERS = (
    datas.router,
    health.router,
    organizations.router,
    lakes.router,
    charts.router,
    sources.router,
    projections.router,
    data.router,
    metadata_schema.router,
    tags.router,
    objects.router,
    presigned.router,
    imports.router,
    jobs.router,
    changes.router,
    processings.router,
    programs.router,
    connectors.router,
)


def create_app(settings: Settings, database: Database) -> FastAPI:
    """Create the application of one server; its jobs start and stop with its lifespan."""
    services = _services(settings, database)
    app = FastAPI(
        title="datalake-ops platform",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.services = services
    age = settings.unregistered_days * DAY_SECONDS
    app.state.collector = ObjectCollector(cast("LocalObjectStore", services.objects), database, age)
    errors.install(app)
    routers = list(_ROUTERS)
    if settings.enable_admin:
        faults = Faults()
        routers.append(admin_router(faults))
        app.add_middleware(FaultMiddleware, faults=faults)
    metrics = Metrics()
    routers.append(metrics_router(metrics))
    # After the API, so that no page stands before one of its routes.
    routers += CONSOLE_ROUTERS
    for router in routers:
        app.include_router(router)
    # Added last, so that it also sees what a scripted fault answers.
    app.state.access_log = AccessLog(settings.access_log) if settings.access_log else None
    app.add_middleware(RequestObserver, metrics=metrics, access_log=app.state.access_log)
    app.state.routers = routers
    openapi.install(app, routers)
    return app


def _services(settings: Settings, database: Database) -> Services:
    store = open_store(settings, database)
    services = Services(settings, database, Tokens(database), DatabaseDirectory(database), store)
    services.jobs = open_jobs(services)
    return services


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    await services.jobs.start()
    app.state.collector.start()
    saving = asyncio.create_task(_keep_uses(services.tokens))
    try:
        yield
    finally:
        saving.cancel()
        with suppress(asyncio.CancelledError):
            await saving
        await asyncio.to_thread(app.state.collector.stop)
        await services.jobs.stop()
        await _save_uses(services.tokens)
        services.objects.close()
        if app.state.access_log is not None:
            app.state.access_log.close()


async def _keep_uses(tokens: Tokens) -> None:
    """Write when tokens were used last, every few seconds instead of with every request."""
    while True:
        await asyncio.sleep(_USE_SECONDS)
        await _save_uses(tokens)


async def _save_uses(tokens: Tokens) -> None:
    try:
        await tokens.save_uses()
    except (DiskFullError, OperationalError, sqlite3.OperationalError) as error:
        # A full disk, say; the next use is written with the next round.
        _logger.warning("The moments when tokens were used last could not be written: %s", error)
