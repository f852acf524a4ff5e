"""Uploads one more rendering of a data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.data import create_projection, list_projections
from datalake_ops.client.retry import Failure, Loss
from datalake_ops.client.storage import Tries
from datalake_ops.config import Connection
from datalake_ops.errors import AmbiguousRequestError, InvalidFileError
from datalake_ops.upload import loop_thread
from datalake_ops.upload.exif import merged, read_picture
from datalake_ops.upload.plan import content_type
from datalake_ops.upload.request import Lake
from datalake_ops.upload.source import OpenFile, json_ready, open_file
from datalake_ops.upload.transfer import store
from datalake_ops.wire.data import DataProjection, ProjectionToCreate
from datalake_ops.wire.uploads import ObjectType


@dataclass(frozen=True)
class ProjectionRequest:
    """A picture to attach to a data, its name there, and what is said of it."""

    data_id: UUID
    name: str
    path: str
    additional_info: Mapping[str, Any] | None = None
    fill_metadata: bool = False


def upload_projection(request: ProjectionRequest, connection: Connection, lake: Lake) -> DataProjection:
    """Store a picture and attach it to a data; blocks, also inside a running event loop.

    With `fill_metadata` the EXIF fields go into `additional_info`, under what the caller gives there.

    Raises:
        InvalidFileError: the file is no picture that can be measured; nothing was sent.
        DatalakeError: it was not stored or not registered.
    """
    file = open_file(request.path)
    picture = read_picture(file, request.fill_metadata)
    if picture is None:
        raise InvalidFileError(
            f"{request.path} cannot be opened as a picture, and a projection needs a width and a height.", request.path
        )
    info = merged(picture.metadata, json_ready(request.path, request.additional_info, "additional_info"))
    draft = ProjectionToCreate(
        name=request.name,
        file_size=file.size,
        object_name="",
        filename=file.name,
        content_type=content_type(file.name),
        width=picture.width,
        height=picture.height,
        additional_info=info or None,
    )
    return loop_thread.run(lambda: _upload(_Projection(request.data_id, file, draft), connection, lake))


@dataclass(frozen=True)
class _Projection:
    data_id: UUID
    file: OpenFile
    draft: ProjectionToCreate


async def _upload(projection: _Projection, connection: Connection, lake: Lake) -> DataProjection:
    async with AsyncSession(connection, lake.organization.id) as session:
        object_name = await store(session, lake, projection.file, type=ObjectType.DATA_PROJECTION)
        registration = projection.draft.model_copy(update={"object_name": object_name})
        return await _register(session, projection.data_id, registration)


async def _register(session: AsyncSession, data_id: UUID, registration: ProjectionToCreate) -> DataProjection:
    tries = Tries(session)
    while True:
        created = await _try_to_register(session, data_id, registration)
        if isinstance(created, DataProjection):
            return created
        known = await session.send(list_projections(data_id))
        found = next((one for one in known if one.object_name == registration.object_name), None)
        if found is not None:
            return found
        if not await tries.again(Failure(loss=Loss.CUT)):
            raise created


async def _try_to_register(
    session: AsyncSession, data_id: UUID, registration: ProjectionToCreate
) -> DataProjection | AmbiguousRequestError:
    try:
        return await session.send(create_projection(data_id, registration))
    except AmbiguousRequestError as error:
        return error
