"""Sessions of the console: random ids that stand for a token until they expire, are ended, or the token is revoked."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select

from datalake_ops.platform.store import schema
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.store.tokens import digest
from datalake_ops.platform.store.types import now

LIFETIME = timedelta(days=7)
CODE_LIFETIME = timedelta(minutes=5)

_SESSION = schema.console_session
_CODE = schema.console_code


@dataclass(frozen=True)
class Session:
    """Session of a browser: its secret id, and the user that it acts for."""

    id: str = field(repr=False)
    organization_id: UUID
    organization_name: str
    user_id: UUID
    username: str
    is_admin: bool
    token_digest: bytes = field(repr=False)
    expires_at: datetime


async def open_session(database: Database, token_digest: bytes) -> str:
    """Open a session for a token and return its id; sessions that have expired are removed."""
    return await database.write(lambda connection: _insert_session(connection, token_digest))


async def find_session(database: Database, id: str) -> Session | None:
    """Return the session of an id; None if there is none, or it or its token has expired."""
    return await database.read(lambda connection: _find(connection, id))


async def close_session(database: Database, id: str) -> None:
    """End a session."""
    await database.delete(delete(_SESSION).where(_SESSION.c.digest == digest(id)))


def make_code(connection: Connection, token_digest: bytes | None = None) -> str | None:
    """Make a code that opens one session for a token, by default for the oldest of an admin; None without one."""
    if token_digest is None:
        token_digest = _admin_token(connection)
    if token_digest is None:
        return None
    code = secrets.token_urlsafe(32)
    connection.execute(delete(_CODE).where(_CODE.c.expires_at <= now()))
    row = {"digest": digest(code), "token_digest": token_digest, "expires_at": now() + CODE_LIFETIME}
    connection.execute(insert(_CODE).values(row))
    return code


async def open_session_by_code(database: Database, code: str) -> str | None:
    """Use a code up and return the id of the session that it opens; None if it was used, is too old or not known."""

    def use(connection: Connection) -> str | None:
        used = delete(_CODE).where(_CODE.c.digest == digest(code)).returning(_CODE.c.token_digest, _CODE.c.expires_at)
        row = connection.execute(used).first()
        if row is None or row.expires_at <= now():
            return None
        return _insert_session(connection, row.token_digest)

    return await database.write(use)


def _insert_session(connection: Connection, token_digest: bytes) -> str:
    session_id, moment = secrets.token_urlsafe(32), now()
    connection.execute(delete(_SESSION).where(_SESSION.c.expires_at <= moment))
    row = {"digest": digest(session_id), "token_digest": token_digest, "created_at": moment}
    connection.execute(insert(_SESSION).values(expires_at=moment + LIFETIME, **row))
    return session_id


def _find(connection: Connection, id: str) -> Session | None:
    token, user, organization = schema.token, schema.user, schema.organization
    tables = _SESSION.join(token, token.c.digest == _SESSION.c.token_digest)
    tables = tables.join(user, user.c.id == token.c.user_id)
    tables = tables.join(organization, organization.c.id == token.c.organization_id)
    columns = (
        *(token.c.digest, token.c.organization_id, token.c.user_id, token.c.is_admin, user.c.username),
        organization.c.name.label("organization_name"),
        _SESSION.c.expires_at.label("session_expires_at"),
        token.c.expires_at.label("token_expires_at"),
    )
    statement = select(*columns).select_from(tables).where(_SESSION.c.digest == digest(id), token.c.job_id.is_(None))
    row = connection.execute(statement).first()
    if row is None:
        return None
    ends = min(row.session_expires_at, row.token_expires_at or row.session_expires_at)
    if ends <= now():
        return None
    return Session(
        id=id,
        organization_id=row.organization_id,
        organization_name=row.organization_name,
        user_id=row.user_id,
        username=row.username,
        is_admin=bool(row.is_admin),
        token_digest=row.digest,
        expires_at=ends,
    )


def _admin_token(connection: Connection) -> bytes | None:
    token = schema.token.c
    is_valid = token.expires_at.is_(None) | (token.expires_at > now())
    statement = select(token.digest).where(token.is_admin, token.job_id.is_(None), is_valid)
    return connection.execute(statement.order_by(token.created_at).limit(1)).scalar()
