"""The application: services, routers, and refusals in the wire's form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec

from fastapi import FastAPI

from datalake_ops.platform.catalog.ownership import Directory
from datalake_ops.platform.handlers.admin import admin_router
from datalake_ops.platform.http import errors
from datalake_ops.platform.http.fault_injection import FaultMiddleware, Faults
from datalake_ops.platform.jobs.service import open_jobs
from datalake_ops.platform.objects.object_store import open_store
from datalake_ops.platform.services import Services
from datalake_ops.platform.settings import Settings
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.tokens import Tokens

# Each module of handlers has a `router`. Routes are tried in this order: the busiest first, and a fixed word before
# a parameter in its place.
_HANDLERS = (
    "datas",
    "health",
    "organizations",
    "lakes",
    "charts",
    "sources",
    "projections",
    "data",
    "metadata_schema",
    "tags",
    "objects",
    "storage",
    "imports",
    "jobs",
    "changes",
    "processings",
    "connectors",
)


def create_app(settings: Settings, database: Database) -> FastAPI:
    """Make the application of one server; its jobs start and stop with its lifespan."""
    services = _services(settings, database)
    app = FastAPI(
        title="datalake-ops platform",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.services = services
    errors.install(app)
    for name in _HANDLERS:
        module = f"datalake_ops.platform.handlers.{name}"
        if find_spec(module) is not None:
            app.include_router(import_module(module).router)
    if settings.enable_admin:
        faults = Faults()
        app.include_router(admin_router(faults))
        app.add_middleware(FaultMiddleware, faults=faults)
    return app


def _services(settings: Settings, database: Database) -> Services:
    objects = open_store(settings, database)
    services = Services(settings, database, Tokens(database), Directory(database), objects)
    services.jobs = open_jobs(services)
    return services


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    await services.jobs.start()
    try:
        yield
    finally:
        await services.jobs.stop()
        services.objects.close()
