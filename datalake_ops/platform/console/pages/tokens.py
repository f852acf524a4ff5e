"""Tokens of an organization: listed, created and revoked by an admin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy import Connection, delete, select
from starlette.responses import Response

from datalake_ops.platform.catalog.tags_and_sources import validate_name
from datalake_ops.platform.console.forms import read_form
from datalake_ops.platform.console.rendering import page, see_other
from datalake_ops.platform.console.routing import PageRoute, require_session
from datalake_ops.platform.console.sessions import Session
from datalake_ops.platform.http.errors import RefusalError, bad_request, not_found
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.tokens import Principal, add_token, new_token
from datalake_ops.platform.store.types import now

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_TOKEN = schema.token.c
_DAYS = 3650
# Digits of the digest that name a token, as `datalake-ops admin token list` does.
_ID_LENGTH = 12


@dataclass(frozen=True)
class TokenLine:
    """Token as the page lists it."""

    id: str
    row: Any
    is_own: bool


@router.get("/{organization:uuid}/tokens")
async def show(request: Request, organization: UUID) -> Response:
    """List the tokens of the organization."""
    session = await _admin(request)
    return await _list(request, session)


@router.post("/{organization:uuid}/tokens")
async def create(request: Request, organization: UUID) -> Response:
    """Create a user's token and show it, this only time."""
    session = await _admin(request)
    form = await read_form(request, session.id)
    name = validate_name(form.get("name"), "token")
    days = form.get("days")
    if days and not (days.isascii() and days.isdigit() and 1 <= int(days[:9]) <= _DAYS):
        raise bad_request(f"A token lives 1 to {_DAYS} days, or without an end where the field is empty.")
    expires_at = now() + timedelta(days=int(days)) if days else None
    token = new_token()
    principal = Principal(session.organization_id, session.user_id, session.username, expires_at=expires_at)
    await services(request).database.write(lambda connection: add_token(connection, token, principal, name))
    return await _list(request, session, token)


@router.post("/{organization:uuid}/tokens/revoke")
async def revoke(request: Request, organization: UUID) -> Response:
    """Revoke a token, with its sessions of the console."""
    session = await _admin(request)
    form = await read_form(request, session.id)

    def drop(connection: Connection) -> int:
        known = connection.scalars(select(_TOKEN.digest).where(*_listed(session))).all()
        chosen = [one for one in known if one.hex()[:_ID_LENGTH] == form.get("id")]
        return connection.execute(delete(schema.token).where(_TOKEN.digest.in_(chosen))).rowcount

    if not await services(request).database.write(drop, essential=True):
        raise not_found(f"Token {form.get('id')}")
    services(request).tokens.forget()
    return see_other(request, f"/{organization}/tokens", f"Token {form.get('id')} was revoked.")


async def _admin(request: Request) -> Session:
    session = await require_session(request)
    if not session.is_admin:
        raise RefusalError(HTTPStatus.FORBIDDEN, "Tokens are an admin's to see and to make.")
    return session


def _listed(session: Session) -> tuple[Any, Any]:
    return _TOKEN.organization_id == session.organization_id, _TOKEN.job_id.is_(None)


async def _list(request: Request, session: Session, made: str = "") -> Response:
    statement = select(schema.token).where(*_listed(session)).order_by(_TOKEN.created_at)
    rows = await services(request).database.read(lambda connection: connection.execute(statement).all())
    lines = [TokenLine(row.digest.hex()[:_ID_LENGTH], row, row.digest == session.token_digest) for row in rows]
    return page(request, "tokens.html", session, lines=lines, made=made)
