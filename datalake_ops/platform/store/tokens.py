"""API tokens: generated once, stored only as a digest, cached in memory."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from datalake_ops.platform.store import schema
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.store.types import now

_PREFIX = "dlo_"


@dataclass(frozen=True)
class Principal:
    """Authenticated caller: a user of one organization, or a job's program that acts for it."""

    organization_id: UUID
    user_id: UUID
    username: str
    job_id: UUID | None = None


def new_token() -> str:
    """Generate a token of 32 random bytes."""
    return _PREFIX + secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """SHA-256 of a token, the only form that is stored. Its 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def add_token(connection: Connection, token: str, principal: Principal) -> None:
    """Store a token for a principal."""
    row = {
        "digest": digest(token),
        "organization_id": principal.organization_id,
        "user_id": principal.user_id,
        "job_id": principal.job_id,
        "created_at": now(),
    }
    connection.execute(insert(schema.token).values(row).on_conflict_do_nothing())


def drop_job_tokens(connection: Connection, job_id: UUID) -> None:
    """Delete the tokens of a job; call `Tokens.forget` after the commit."""
    connection.execute(delete(schema.token).where(schema.token.c.job_id == job_id))


class Tokens:
    """Cache of principals by token."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[bytes, Principal] = {}

    async def principal(self, token: str) -> Principal | None:
        """Return the principal of a token, None if it is not valid."""
        token_digest = digest(token)
        known = self._known.get(token_digest)
        if known is not None:
            return known
        found = await self._database.read(lambda connection: _find(connection, token_digest))
        if found is not None:
            self._known[token_digest] = found
        return found

    def forget(self) -> None:
        """Clear the cache."""
        self._known.clear()


def _find(connection: Connection, token_digest: bytes) -> Principal | None:
    row = connection.execute(
        select(schema.token, schema.user.c.username)
        .join(schema.user, schema.user.c.id == schema.token.c.user_id)
        .where(schema.token.c.digest == token_digest)
    ).first()
    if row is None or not hmac.compare_digest(row.digest, token_digest):
        return None
    return Principal(row.organization_id, row.user_id, row.username, row.job_id)
