"""Registration of files that a browser brought, with tags and a source by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import Connection, select

from datalake_ops.platform.catalog.register import not_stored, probe_outcome, registration, validate_filename
from datalake_ops.platform.catalog.serialization import data_serializer
from datalake_ops.platform.catalog.tags_and_sources import source_key, tag_keys, validate_name
from datalake_ops.platform.http.errors import bad_request
from datalake_ops.platform.objects.media_type import NEITHER
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.wire.data import DataToCreate, DataType
from datalake_ops.wire.media_types import is_media

_MOST_TAGS = 100


@dataclass(frozen=True)
class Labels:
    """Tags and source of new data, by id."""

    tags: tuple[UUID, ...] = ()
    source: UUID | None = None


def label_names(tags: str, source: str) -> tuple[list[str], str]:
    """Read names of tags, given with commas between them, and of a source, empty for none.

    Raises:
        RefusalError: 400, a name breaks a rule, or there are too many.
    """
    names = [validate_name(name, "tag") for part in tags.split(",") if (name := part.strip())]
    if len(names) > _MOST_TAGS:
        raise bad_request(f"At most {_MOST_TAGS} tags are put on at once.")
    return names, validate_name(source.strip(), "source") if source.strip() else ""


async def find_labels(request: Request, lake: LakeRow, tags: str, source: str) -> Labels:
    """Find tags, given with commas between them, and a source; what is missing is created.

    Raises:
        RefusalError: 400, a name breaks a rule, or there are too many.
    """
    names, wanted = label_names(tags, source)
    if not names and not wanted:
        return Labels()
    return await services(request).database.write(lambda connection: _labels(connection, lake, names, wanted))


def _labels(connection: Connection, lake: LakeRow, names: list[str], source: str) -> Labels:
    keys = tag_keys(connection, lake, names).values()
    tags = tuple(connection.scalars(select(schema.tag.c.id).where(schema.tag.c.key.in_(keys))))
    if not source:
        return Labels(tags)
    key = source_key(connection, lake.organization_id, source)
    return Labels(tags, connection.scalar(select(schema.source.c.id).where(schema.source.c.key == key)))


async def register_file(
    request: Request, lake: LakeRow, object_name: str, filename: str, labels: Labels
) -> dict[str, Any]:
    """Register a stored object once it was read; the answer has its state, and the reason if it cannot be read.

    Raises:
        RefusalError: 400, there is no such object, it is neither picture nor video, or its file name is not valid.
    """
    validate_filename(filename)
    objects = services(request).objects
    stat = objects.stat(lake.connector_id, object_name)
    if stat is None:
        raise not_stored(object_name)
    content_type = stat.content_type or ""
    if not is_media(content_type):
        raise bad_request(NEITHER)
    body = DataToCreate(
        type=DataType.VIDEO if content_type.startswith("video/") else DataType.IMAGE,
        filename=filename,
        object_name=object_name,
        content_type=content_type,
        tags=labels.tags,
        data_source_id=labels.source,
    )
    serializer = data_serializer(request, lake)

    def prepare() -> Callable[[Connection], dict[str, Any]]:
        outcome = probe_outcome(objects.probe(lake.connector_id, object_name, content_type))
        return registration(lake, body, outcome, serializer, objects)

    return await services(request).database.write_prepared(prepare)
