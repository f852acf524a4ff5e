"""One file on its whole way: object name, storage, registration, and no request more."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace

from datalake_ops.client import data as data_operations
from datalake_ops.client import uploads
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.retry import Failure, Loss
from datalake_ops.client.storage import Tries
from datalake_ops.errors import (
    AmbiguousRequestError,
    DatalakeError,
    NotFoundError,
    ResourceConflictError,
    UnexpectedAnswerError,
    UnprocessableDataError,
    UploadError,
)
from datalake_ops.upload.exif import Picture, merged, read_picture
from datalake_ops.upload.plan import MEASURED_TYPES, content_type, data_type
from datalake_ops.upload.report import FileReport, FileStatus
from datalake_ops.upload.request import Lake, UploadRequest
from datalake_ops.upload.source import Entry, LocalFile, json_ready, open_file
from datalake_ops.upload.storage import Shipment, Storage, Tally
from datalake_ops.wire.data import Data, DataToCreate, Meta, UploadStatus
from datalake_ops.wire.uploads import ObjectType

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """A file that was looked at, and what will be said of it; the object name comes with the storage."""

    file: LocalFile
    draft: DataToCreate

    def named(self, object_name: str) -> DataToCreate:
        """The registration of the stored object."""
        return self.draft.model_copy(update={"object_name": object_name})


class Courier:
    """Carries single files into one lake; any number at the same time."""

    def __init__(self, session: AsyncSession, lake: Lake, request: UploadRequest) -> None:
        self._session = session
        self._lake = lake
        self._request = request

    async def carry(self, entry: Entry) -> FileReport:
        """Upload one file and report on it; a failure is told in the row and never raised."""
        started_at = time.monotonic()
        tally = Tally()
        try:
            row = await self._carry(entry, tally)
        except DatalakeError as error:
            row = FileReport(entry.path, FileStatus.FAILED, error=_as_upload_error(error, entry.path))
        except Exception as error:
            # What nobody foresaw costs this file, with its traceback in the log, and not the report of the others.
            logger.exception("The upload of %s failed unexpectedly.", entry.path)
            row = FileReport(entry.path, FileStatus.FAILED, error=_as_upload_error(error, entry.path))
        return replace(row, attempts=tally.attempts, seconds=time.monotonic() - started_at)

    async def _carry(self, entry: Entry, tally: Tally) -> FileReport:
        prepared = await asyncio.to_thread(prepare, entry, self._request)
        object_name = await store(
            self._session, self._lake, prepared.file, upload_dir=self._request.upload_dir, tally=tally
        )
        data = await register(self._session, self._lake, prepared.named(object_name))
        return with_data(FileReport(entry.path, FileStatus.UPLOADED, bytes=prepared.file.size), data)


async def store(
    session: AsyncSession,
    lake: Lake,
    file: LocalFile,
    *,
    type: ObjectType = ObjectType.DATA,
    upload_dir: str | None = None,
    tally: Tally | None = None,
) -> str:
    """Store a file under a fresh object name, and return that name.

    Raises:
        DatalakeError: it is not stored.
    """
    operation = uploads.object_name(lake.organization.id, lake.connector_id, file.name, type, upload_dir)
    object_name = (await session.send(operation)).object_name
    shipment = Shipment(file, object_name, content_type(file.name), tally or Tally())
    await Storage(session, lake.connector_id).put(shipment)
    return object_name


async def register(session: AsyncSession, lake: Lake, registration: DataToCreate) -> Data:
    """Make a stored object a data, once: a lost answer is followed by a look, never by a blind repeat.

    Raises:
        DatalakeError: it is not registered, or nobody can tell within the retry policy.
    """
    tries = Tries(session)
    while True:
        created = await _try_to_register(session, lake, registration)
        if isinstance(created, Data):
            return created
        logger.info("Looking for %s before it is registered again: %s", registration.object_name, created)
        found = await _look(session, lake, registration)
        if found is not None:
            return found
        if not await tries.again(Failure(loss=Loss.CUT)):
            raise created


async def _try_to_register(session: AsyncSession, lake: Lake, registration: DataToCreate) -> Data | DatalakeError:
    try:
        return await session.send(data_operations.create_data(lake.datalake.id, registration))
    # All three leave open whether the data is there.
    except (AmbiguousRequestError, ResourceConflictError, UnexpectedAnswerError) as error:
        return error


async def _look(session: AsyncSession, lake: Lake, registration: DataToCreate) -> Data | None:
    try:
        return await session.send(data_operations.find_data(lake.datalake.id, object_name=registration.object_name))
    except NotFoundError:
        return None


def prepare(entry: Entry, request: UploadRequest) -> Prepared:
    """Look at a file once: is it sendable, how large is it, what picture is it. Blocks.

    Raises:
        InvalidFileError, UploadError: it cannot be uploaded; nothing was sent.
    """
    metadata = json_ready(entry.path, entry.metadata, "metadata")
    custom_metadata = json_ready(entry.path, entry.custom_metadata, "custom_metadata")
    file = open_file(entry.path)
    kind = content_type(file.name)
    picture = read_picture(file, request.fill_metadata) if kind in MEASURED_TYPES else None
    draft = DataToCreate(
        type=data_type(kind),
        filename=file.name,
        object_name="",
        content_type=kind,
        tags=request.tag_ids,
        data_source_id=request.source_id,
        meta=_meta(picture, entry),
        metadata=merged(picture.metadata if picture else {}, metadata),
        custom_metadata=custom_metadata,
    )
    return Prepared(file, draft)


def with_data(row: FileReport, data: Data) -> FileReport:
    """The row with the data as the platform now answers it; a data it cannot read makes the row UNPROCESSABLE."""
    if data.upload_status is not UploadStatus.ERROR:
        return replace(row, data=data)
    error = UnprocessableDataError(
        f"{row.path} was stored as data {data.id}, but the platform cannot read it as an image or a video. "
        "Delete that data, mend the file, then upload it again.",
        row.path,
    )
    return replace(row, status=FileStatus.UNPROCESSABLE, data=data, error=error)


def _meta(picture: Picture | None, entry: Entry) -> Meta | None:
    if picture is not None:
        return Meta(width=picture.width, height=picture.height)
    return Meta(width=entry.size[0], height=entry.size[1]) if entry.size else None


def _as_upload_error(error: Exception, path: str) -> UploadError:
    return error if isinstance(error, UploadError) else UploadError(f"{path} could not be uploaded: {error}", path)
