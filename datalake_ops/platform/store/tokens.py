"""API tokens: generated once, stored only as a digest, cached in memory."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from datalake_ops.platform.store import schema
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.store.types import now, parse_id

_PREFIX = "dlo_"
# Tokens are created and revoked by other processes too, which cannot clear this one's cache.
_CACHE_SECONDS = 1.0


@dataclass(frozen=True)
class Principal:
    """Authenticated caller: a user of one organization, or a job's program that acts for it on the job's lakes."""

    organization_id: UUID
    user_id: UUID
    username: str
    job_id: UUID | None = None
    is_admin: bool = False
    expires_at: datetime | None = None
    # Lakes that a job's program may reach; of no meaning for a user.
    lakes: frozenset[UUID] = frozenset()

    @property
    def is_expired(self) -> bool:
        """True once the token's time is over."""
        return self.expires_at is not None and self.expires_at <= now()


def new_token() -> str:
    """Generate a token of 32 random bytes."""
    return _PREFIX + secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """SHA-256 of a token, the only form that is stored. Its 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def add_token(connection: Connection, token: str, principal: Principal, name: str | None = None) -> None:
    """Store a token for a principal; one that is stored already stays as it is."""
    row = {
        "digest": digest(token),
        "organization_id": principal.organization_id,
        "user_id": principal.user_id,
        "job_id": principal.job_id,
        "name": name,
        "is_admin": principal.is_admin,
        "created_at": now(),
        "expires_at": principal.expires_at,
    }
    connection.execute(insert(schema.token).values(row).on_conflict_do_nothing())


def drop_job_tokens(connection: Connection, job_id: UUID) -> None:
    """Delete the tokens of a job; call `Tokens.forget` after the commit."""
    connection.execute(delete(schema.token).where(schema.token.c.job_id == job_id))


class Tokens:
    """Cache of principals by token, and of the moments when tokens were used last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[bytes, tuple[float, Principal]] = {}
        self._used: dict[bytes, datetime] = {}
        self._generation = 0

    async def principal(self, token: str) -> Principal | None:
        """Return the principal of a token, also of an expired one; None if it is not known."""
        token_digest = digest(token)
        read_at, known = self._known.get(token_digest, (0.0, None))
        if known is None or time.monotonic() - read_at > _CACHE_SECONDS:
            if known is not None:  # One request reads it again, the others go on meanwhile.
                self._known[token_digest] = (time.monotonic(), known)
            known = await self._read(token_digest)
        if known is not None:
            self._used[token_digest] = now()
        return known

    async def _read(self, token_digest: bytes) -> Principal | None:
        generation, read_at = self._generation, time.monotonic()
        found = await self._database.read(lambda connection: _find(connection, token_digest))
        if found is None:
            self._known.pop(token_digest, None)
        elif generation == self._generation:  # Else the token may have been deleted since it was read.
            self._known[token_digest] = (read_at, found)
        return found

    def forget(self) -> None:
        """Clear the cache."""
        self._generation += 1
        self._known.clear()

    async def save_uses(self) -> None:
        """Write the moments of last use that are new since the last call, in one change."""
        used, self._used = self._used, {}
        if not used:
            return
        values = [{"of": token_digest, "moment": moment} for token_digest, moment in used.items()]
        statement = update(schema.token).where(schema.token.c.digest == bindparam("of"))
        change = statement.values(last_used_at=bindparam("moment"))
        await self._database.write(lambda connection: connection.execute(change, values).rowcount)


def _find(connection: Connection, token_digest: bytes) -> Principal | None:
    row = connection.execute(
        select(schema.token, schema.user.c.username)
        .join(schema.user, schema.user.c.id == schema.token.c.user_id)
        .where(schema.token.c.digest == token_digest)
    ).first()
    if row is None or not hmac.compare_digest(row.digest, token_digest):
        return None
    lakes = frozenset[UUID]() if row.job_id is None else _lakes_of_job(connection, row.job_id)
    return Principal(
        row.organization_id, row.user_id, row.username, row.job_id, bool(row.is_admin), row.expires_at, lakes
    )


def _lakes_of_job(connection: Connection, job_id: UUID) -> frozenset[UUID]:
    """Lakes of the job's organization that it works on: its own, its output, and those that its inputs name."""
    job, lake = schema.job.c, schema.lake.c
    row = connection.execute(select(job.organization_id, job.lake_key, job.request).where(job.id == job_id)).first()
    if row is None:
        return frozenset()
    request = row.request or {}
    named = [*(request.get("inputs") or {}).values(), request.get("output_datalake_id")]
    ids = [found for value in named if (found := parse_id(value)) is not None]
    its_own = (lake.key == row.lake_key) | lake.id.in_(ids)
    statement = select(lake.id).where(lake.organization_id == row.organization_id, its_own)
    return frozenset(connection.scalars(statement))
