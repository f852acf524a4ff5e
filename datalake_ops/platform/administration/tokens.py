"""Tokens of an installation: created, listed and revoked, by the first digits of their digest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Row, delete, func, select

from datalake_ops.platform.administration.home import AdministrationError
from datalake_ops.platform.administration.organizations import find_principal
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.tokens import add_token, digest, new_token

_ID_LENGTH = 12


@dataclass(frozen=True)
class TokenRequest:
    """Token to create: for an organization (the first one by default), until a moment, as an admin's or a user's."""

    organization: str | None = None
    name: str | None = None
    expires_at: datetime | None = None
    is_admin: bool = False


@dataclass(frozen=True)
class TokenSummary:
    """Token as it is listed: never its text, which is not stored."""

    id: str
    name: str | None
    organization: str
    role: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    job_id: UUID | None


def create_token(connection: Connection, request: TokenRequest) -> tuple[str, str]:
    """Create a token; returns its id and its text, which is shown nowhere again.

    Raises:
        AdministrationError: the organization does not exist.
    """
    user = find_principal(connection, request.organization)
    token = new_token()
    principal = replace(user, is_admin=request.is_admin, expires_at=request.expires_at)
    add_token(connection, token, principal, request.name)
    return _id(digest(token)), token


def list_tokens(connection: Connection) -> list[TokenSummary]:
    """List every token, oldest first."""
    token, organization = schema.token.c, schema.organization.c
    statement = (
        select(schema.token, organization.name.label("organization"))
        .join(schema.organization, organization.id == token.organization_id)
        .order_by(token.created_at)
    )
    return [_summary(row) for row in connection.execute(statement)]


def revoke_token(connection: Connection, id: str) -> str:
    """Delete a token by the first digits of its id; returns the whole id. A server heeds it within about a second.

    Raises:
        AdministrationError: no token has that id, or several have.
    """
    text = func.lower(func.hex(schema.token.c.digest))
    found = connection.scalars(select(schema.token.c.digest).where(text.startswith(id.lower(), autoescape=True))).all()
    if len(found) != 1 or not id:
        reason = (
            f"{len(found)} tokens have ids that begin with {id!r}" if found and id else f"No token has the id {id!r}"
        )
        raise AdministrationError(f"{reason}. `datalake-ops admin token list` shows the ids.")
    connection.execute(delete(schema.token).where(schema.token.c.digest == found[0]))
    return _id(found[0])


def _summary(row: Row[tuple[object, ...]]) -> TokenSummary:
    role = "admin" if row.is_admin else "job" if row.job_id else "user"
    return TokenSummary(
        _id(row.digest), row.name, row.organization, role, row.created_at, row.expires_at, row.last_used_at, row.job_id
    )


def _id(token_digest: bytes) -> str:
    return token_digest.hex()[:_ID_LENGTH]
