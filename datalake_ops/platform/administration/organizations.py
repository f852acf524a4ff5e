"""Organizations of an installation: created and listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError

from datalake_ops.platform.administration.home import AdministrationError
from datalake_ops.platform.bootstrap import NewOrganization, add_organization
from datalake_ops.platform.jobs.processings.programs import seed_processings_of
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.tokens import Principal, add_token, new_token

_NAME_LENGTH = 256


@dataclass(frozen=True)
class OrganizationSummary:
    """Organization as it is listed."""

    id: UUID
    name: str
    created_at: datetime
    lakes: int
    data: int


def create_organization(connection: Connection, name: str) -> tuple[NewOrganization, str]:
    """Create an organization with a lake, a connector, the built-in processings and a user; returns it and a token.

    Raises:
        AdministrationError: the name is taken, or is none.
    """
    if not name.strip() or len(name) > _NAME_LENGTH:
        raise AdministrationError(f"A name has 1 to {_NAME_LENGTH} characters.")
    try:
        made = add_organization(connection, name)
    except IntegrityError as error:
        raise AdministrationError(f"An organization named {name!r} exists already.") from error
    token = new_token()
    add_token(connection, token, made.principal)
    seed_processings_of(connection, made.principal.organization_id)
    return made, token


def list_organizations(connection: Connection) -> list[OrganizationSummary]:
    """List every organization, oldest first, with the numbers of its lakes and data."""
    organization, lake, count = schema.organization.c, schema.lake.c, schema.lake_count.c
    lakes = select(func.count()).where(lake.organization_id == organization.id).scalar_subquery()
    data = (
        select(func.coalesce(func.sum(count.count), 0))
        .join(schema.lake, lake.key == count.lake_key)
        .where(lake.organization_id == organization.id)
        .scalar_subquery()
    )
    statement = select(organization.id, organization.name, organization.created_at, lakes, data)
    return [OrganizationSummary(*row) for row in connection.execute(statement.order_by(schema.ORGANIZATION_ORDER))]


def find_principal(connection: Connection, organization: str | None) -> Principal:
    """Return the user of an organization, of the first one without a name.

    Raises:
        AdministrationError: it does not exist.
    """
    columns, user = schema.organization.c, schema.user.c
    statement = select(columns.id, user.id.label("user_id"), user.username).join(
        schema.user, user.organization_id == columns.id
    )
    if organization is not None:
        statement = statement.where(columns.name == organization)
    row = connection.execute(statement.order_by(schema.ORGANIZATION_ORDER).limit(1)).first()
    if row is None:
        raise AdministrationError(f"No organization is named {organization!r}. `datalake-ops admin organization list`.")
    return Principal(row.id, row.user_id, row.username)
