"""Operations that say who we are, where, and with what."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from datalake_ops.client.operation import Operation, items, model, query, raw
from datalake_ops.wire import routes
from datalake_ops.wire.lakes import Datalake, Organization, Ping


def ping() -> Operation[Ping]:
    """Ask for the owner of the token, and for the extensions of the platform."""
    return Operation("GET", routes.PING, model(Ping))


def find_organization(name: str) -> Operation[UUID]:
    """The id of an organization by its name."""
    return Operation("GET", routes.ORGANIZATION_FIND, lambda body: UUID(raw(body)["id"]), query(name=name))


def get_organization(organization: UUID) -> Operation[Organization]:
    """An organization and its default connector."""
    return Operation("GET", routes.ORGANIZATION.format(organization=organization), model(Organization))


def get_datalake(organization: UUID, id: UUID | None = None, name: str | None = None) -> Operation[Datalake]:
    """A lake by id or name; the organization's default lake without either."""
    path = routes.ORGANIZATION_DATALAKE.format(organization=organization)
    return Operation("GET", path, model(Datalake), query(id=id, name=None if id else name))


def list_datalakes(organization: UUID) -> Operation[list[Datalake]]:
    """All lakes of an organization."""
    return Operation("GET", routes.ORGANIZATION_DATALAKES.format(organization=organization), items(Datalake))


def get_metadata_schema(datalake: UUID) -> Operation[dict[str, Any]]:
    """The lake's schema of custom metadata, as the platform answers it."""
    return Operation("GET", routes.METADATA_SCHEMA.format(datalake=datalake), raw)
