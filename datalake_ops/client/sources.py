"""Operations on an organization's data sources."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from datalake_ops.client.operation import Operation, Repeat, items, model, query
from datalake_ops.wire import routes
from datalake_ops.wire.sources import DataSource


def create_source(organization: UUID, name: str) -> Operation[DataSource]:
    """Create a data source; the platform refuses a name that is there (409)."""
    path = routes.SOURCES.format(organization=organization)
    return Operation("POST", path, model(DataSource), body={"name": name}, repeat=Repeat.ONCE)


def find_source(organization: UUID, name: str) -> Operation[DataSource]:
    """The data source of that exact name."""
    return Operation("GET", routes.SOURCES_FIND.format(organization=organization), model(DataSource), query(name=name))


def list_sources(
    organization: UUID, limit: int | None = None, offset: int | None = None, order_by: Sequence[str] | None = None
) -> Operation[list[DataSource]]:
    """The organization's data sources; all of them without a limit."""
    pairs = query(limit=limit, offset=offset, order_by=list(order_by or []))
    return Operation("GET", routes.SOURCES.format(organization=organization), items(DataSource), pairs)
