"""Initial content of an installation: one organization, user, connector and lake, and one token."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Connection, insert, select, update

from datalake_ops.platform.home_folder import check_bucket, make_private
from datalake_ops.platform.settings import ServeOptions, Settings
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.tokens import Principal, add_token, digest, new_token
from datalake_ops.platform.store.types import now

ORGANIZATION = "local"
LAKE = "default"
USER = "local"


@dataclass(frozen=True)
class NewOrganization:
    """Organization that was just created, and the principal of its user."""

    principal: Principal
    lake_id: UUID
    connector_id: UUID


def prepare_home(options: ServeOptions) -> Settings:
    """Create the folders and this installation's secret, and resolve the options.

    Raises:
        UnsafeHomeError: other users could read the home, or a bucket has a part of it among its objects.
        OSError: the folders cannot be made.
    """
    home = options.home.expanduser().absolute()
    bucket = (options.bucket or home / "bucket").expanduser().absolute()
    settings = Settings(
        home,
        bucket,
        b"",
        options.token,
        options.public_url,
        options.enable_admin,
        link_seconds=options.link_seconds,
        programs=options.programs,
        program_env=options.program_env,
        cpus=options.cpus,
        gpus=options.gpus,
        lakes=options.lakes,
        request_seconds=options.request_seconds,
        access_log=options.access_log,
        fsync=options.fsync,
        unregistered_days=options.unregistered_days,
    )
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_private(settings)
    check_bucket(home, bucket)
    for folder in (settings.objects, settings.jobs):
        folder.mkdir(mode=0o700, exist_ok=True)
    bucket.mkdir(parents=True, exist_ok=True)
    return replace(settings, secret=_secret(home))


def add_organization(connection: Connection, name: str, username: str = USER) -> NewOrganization:
    """Insert an organization with a connector, a lake named `default` and a user."""
    organization, connector, lake, user = uuid4(), uuid4(), uuid4(), uuid4()
    new_row = {"id": organization, "name": name, "default_connector_id": connector, "default_lake_id": lake}
    connection.execute(insert(schema.organization).values(**new_row, created_at=now()))
    connection.execute(
        insert(schema.connector).values(id=connector, organization_id=organization, name="local", client_type="minio")
    )
    add_lake(connection, organization, connector, LAKE, lake)
    connection.execute(insert(schema.user).values(id=user, organization_id=organization, username=username))
    return NewOrganization(Principal(organization, user, username), lake, connector)


def add_lake(
    connection: Connection, organization: UUID, connector: UUID, name: str, lake_id: UUID | None = None
) -> UUID:
    """Insert a lake on a connector."""
    lake_id = lake_id or uuid4()
    row = {"id": lake_id, "organization_id": organization, "name": name, "connector_id": connector, "created_at": now()}
    connection.execute(insert(schema.lake).values(allow_extra_custom_metadata=True, **row))
    return lake_id


def ensure_installation(connection: Connection, token: str | None, lakes: Sequence[str] = ()) -> str | None:
    """Create the first organization, missing lakes and a missing token; returns a token that was generated."""
    principal = _first_caller(connection) or add_organization(connection, ORGANIZATION).principal
    for name in lakes:
        _ensure_lake(connection, principal.organization_id, name)
    admin = replace(principal, is_admin=True)
    if token is not None:
        add_token(connection, token, admin)
        # Who starts the server names its admin's token, also one that was made as a user's.
        own = (schema.token.c.digest == digest(token)) & schema.token.c.job_id.is_(None)
        connection.execute(update(schema.token).where(own).values(is_admin=True))
        return None
    if connection.execute(select(schema.token.c.digest).where(schema.token.c.job_id.is_(None)).limit(1)).first():
        return None
    generated = new_token()
    add_token(connection, generated, admin)
    return generated


def _ensure_lake(connection: Connection, organization: UUID, name: str) -> None:
    condition = (schema.lake.c.organization_id == organization) & (schema.lake.c.name == name)
    if connection.execute(select(schema.lake.c.id).where(condition)).first() is None:
        column = schema.organization.c
        connector = connection.execute(select(column.default_connector_id).where(column.id == organization))
        add_lake(connection, organization, connector.scalar_one(), name)


def _first_caller(connection: Connection) -> Principal | None:
    row = connection.execute(
        select(schema.user.c.id, schema.user.c.username, schema.user.c.organization_id)
        .join(schema.organization, schema.organization.c.id == schema.user.c.organization_id)
        .order_by(schema.ORGANIZATION_ORDER)
        .limit(1)
    ).first()
    return Principal(row.organization_id, row.id, row.username) if row else None


def _secret(home: Path) -> bytes:
    """Key of signed addresses: generated once per installation, readable by its owner only."""
    path = home / "secret"
    if not path.exists():
        draft = home / f"secret.{uuid4().hex}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        # Of two servers that start at the same moment one makes it: the other must not replace it.
        with suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_bytes()
