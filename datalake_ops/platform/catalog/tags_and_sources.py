"""Tags and sources by name, created when missing. For functions that run in the writer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, insert, select

from datalake_ops.platform.http.errors import bad_request
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.types import new_id, now
from datalake_ops.wire.tags import TagTarget

# Longer names would fill every page of a listing.
NAME_LENGTH = 256
_CHUNK = 500


def validate_name(name: str, what: str) -> str:
    """Validate a name: no control characters, not empty and not too long.

    Raises:
        RefusalError: 400, with the rule that is broken.
    """
    if not name.strip():
        raise bad_request(f"The name of a {what} cannot be empty.")
    if len(name) > NAME_LENGTH:
        raise bad_request(f"The name of a {what} has at most {NAME_LENGTH} characters, this one {len(name)}.")
    if not name.isprintable():
        raise bad_request(f"The name of a {what} cannot hold control characters: {name!r}.")
    return name


def tag_keys(connection: Connection, lake: LakeRow, names: Iterable[str]) -> dict[str, int]:
    """Keys of the lake's data tags by name; missing tags are created."""
    valid_names = [validate_name(name, "tag") for name in dict.fromkeys(names)]
    tags = schema.tag.c
    keys: dict[str, int] = {}
    for start in range(0, len(valid_names), _CHUNK):
        chosen = tags.name.in_(valid_names[start : start + _CHUNK])
        rows = connection.execute(select(tags.name, tags.key).where(tags.lake_key == lake.key, chosen))
        keys.update((row.name, row.key) for row in rows)
    for name in valid_names:
        if name not in keys:
            keys[name] = insert_tag(connection, lake, name).key
    return keys


def insert_tag(connection: Connection, lake: LakeRow, name: str) -> Row[Any]:
    """Insert a data tag of a lake; the name must be free."""
    row = {
        "id": new_id(),
        "organization_id": lake.organization_id,
        "lake_key": lake.key,
        "name": name,
        "target_type": TagTarget.DATA.value,
        "created_at": now(),
    }
    return connection.execute(insert(schema.tag).values(row).returning(*schema.tag.c)).one()


def source_key(connection: Connection, organization_id: UUID, name: str) -> int:
    """Key of the organization's source of a name, created when missing."""
    sources = schema.source.c
    valid_names = select(sources.key).where(sources.organization_id == organization_id, sources.name == name)
    keys = connection.execute(valid_names).scalar()
    if keys is not None:
        return int(keys)
    return int(insert_source(connection, organization_id, validate_name(name, "data source")).key)


def insert_source(connection: Connection, organization_id: UUID, name: str) -> Row[Any]:
    """Insert a source of an organization; the name must be free."""
    row = {"id": new_id(), "organization_id": organization_id, "name": name, "created_at": now()}
    return connection.execute(insert(schema.source).values(row).returning(*schema.source.c)).one()
