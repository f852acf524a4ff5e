"""One file on its whole way: object name, storage, registration, and no request more."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from datalake_ops.client import data as data_operations
from datalake_ops.client import uploads
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.presigned import Tries
from datalake_ops.client.retry import Failure, Loss
from datalake_ops.errors import (
    AmbiguousRequestError,
    AnswerError,
    DatalakeError,
    NotFoundError,
    ResourceConflictError,
    UnexpectedAnswerError,
)
from datalake_ops.lake import Lake
from datalake_ops.upload.dedup.tracker import Decision, UploadTracker, settled_row
from datalake_ops.upload.prepare import Prepared
from datalake_ops.upload.reporting.report import FileReport, FileStatus
from datalake_ops.upload.reporting.rows import as_upload_error, failed_row, with_data
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import OpenFile
from datalake_ops.upload.sources.media_type import content_type
from datalake_ops.upload.transfer.object_writer import AttemptCounter, ObjectUpload, ObjectWriter
from datalake_ops.wire.data import Data, DataToCreate
from datalake_ops.wire.uploads import ObjectType

logger = logging.getLogger(__name__)
# How a platform refuses to sign for an object name that it did not give itself.
_NAME_REFUSED = frozenset({208, 400, 403, 404, 409, 422})


class FileUploader:
    """Carries single files into one lake; any number at the same time."""

    def __init__(self, session: AsyncSession, lake: Lake, request: UploadRequest, ledger: UploadTracker) -> None:
        self._session = session
        self._lake = lake
        self._request = request
        self._ledger = ledger

    async def carry(self, file: Prepared) -> FileReport:
        """Upload one file and report on it; a failure is told in the row and never raised."""
        started_at = time.monotonic()
        tally = AttemptCounter()
        path = file.entry.path
        try:
            row = await self._carry(file, tally)
        except DatalakeError as error:
            row = await self._failed(file, error)
        except Exception as error:
            # What nobody foresaw costs this file, with its traceback in the log, and not the report of the others.
            logger.exception("The upload of %s failed unexpectedly.", path)
            row = await self._failed(file, error)
        return replace(row, attempts=tally.attempts, seconds=time.monotonic() - started_at)

    async def _carry(self, file: Prepared, tally: AttemptCounter) -> FileReport:
        decision = await self._ledger.begin(file)
        row = settled_row(file.entry.path, decision)
        if row is not None:
            return row
        known = await self._known(decision)
        if known is None:
            try:
                object_name = await self._stored(file, decision, tally)
            except _AlreadyDataError as found:
                known = found.data
        if known is not None:
            await self._ledger.registered(file, known)
            return with_data(FileReport(file.entry.path, FileStatus.SKIPPED), known)
        data = await register(self._session, self._lake, file.named(object_name, decision.custom_metadata))
        await self._ledger.registered(file, data)
        return with_data(FileReport(file.entry.path, FileStatus.UPLOADED, bytes=file.file.size), data)

    async def _known(self, decision: Decision) -> Data | None:
        if not decision.look_first or decision.object_name is None:
            return None
        return await look(self._session, self._lake, decision.object_name)

    async def _stored(self, file: Prepared, decision: Decision, tally: AttemptCounter) -> str:
        name = decision.object_name
        if name is None:
            return await self._store_anew(file, decision, tally)
        if decision.stored:
            return name
        try:
            await self._store(file, name, decision, tally)
        except NotFoundError:
            if decision.upload_id is None:
                raise
            logger.info("The parts that an earlier run stored of %s are gone; it is sent anew.", file.entry.path)
            await self._store(file, name, replace(decision, upload_id=None, etags={}), tally)
        return name

    async def _store_anew(self, file: Prepared, decision: Decision, tally: AttemptCounter) -> str:
        given = await new_name(self._session, self._lake, file.file, upload_dir=self._request.upload_dir)
        chosen = await self._ledger.named(file, given)
        try:
            await self._store(file, chosen, decision, tally)
        except AnswerError as error:
            # Nobody has the name, and yet it is not to be had: the data of it was deleted, perhaps.
            taken = isinstance(error, ResourceConflictError)
            # What the storage refuses, for an address that was signed, is no matter of names.
            if chosen == given or not (taken or (error.status in _NAME_REFUSED and not tally.signed)):
                raise
            refusal = error
        else:
            return chosen
        logger.info("The object name agreed on for %s cannot be used: %s", file.entry.path, refusal)
        await self._ledger.name_refused(file, given)
        await self._store(file, given, decision, tally)
        if not taken:
            await self._ledger.names_refused(refusal)
        return given

    async def _store(self, file: Prepared, object_name: str, decision: Decision, tally: AttemptCounter) -> None:
        marks = _TrackedCheckpoint(self._ledger, file, decision)
        shipment = ObjectUpload(file.file, object_name, file.draft.content_type, tally, marks)
        try:
            await ObjectWriter(self._session, self._lake).put(shipment)
        except ResourceConflictError:
            # Another worker with the same file was faster.
            data = await look(self._session, self._lake, object_name)
            if data is None:
                raise
            raise _AlreadyDataError(data) from None
        await self._ledger.stored(file, object_name)

    async def _failed(self, file: Prepared, error: Exception) -> FileReport:
        row = failed_row(file.entry.path, error)
        try:
            await self._ledger.failed(file, as_upload_error(error, file.entry.path))
        except Exception:
            logger.exception("That %s failed could not be written down.", file.entry.path)
        return row


class _AlreadyDataError(Exception):
    """The object that was to be stored is a data already."""

    def __init__(self, data: Data) -> None:
        super().__init__(f"{data.object_name} is data {data.id} already")
        self.data = data


@dataclass(frozen=True)
class _TrackedCheckpoint:
    """Where one file's parts stand, kept in the ledger."""

    ledger: UploadTracker
    file: Prepared
    decision: Decision

    @property
    def upload_id(self) -> str | None:
        return self.decision.upload_id

    @property
    def etags(self) -> Mapping[int, str]:
        return self.decision.etags

    async def begun(self, object_name: str, upload_id: str) -> None:
        await self.ledger.parts_begun(self.file, object_name, upload_id)

    async def part_done(self, upload_id: str, number: int, etag: str) -> None:
        await self.ledger.part_done(self.file, upload_id, number, etag)


async def store(
    session: AsyncSession,
    lake: Lake,
    file: OpenFile,
    *,
    type: ObjectType = ObjectType.DATA,
    upload_dir: str | None = None,
) -> str:
    """Store a file under a fresh object name, and return that name.

    Raises:
        DatalakeError: it is not stored.
    """
    object_name = await new_name(session, lake, file, type=type, upload_dir=upload_dir)
    await ObjectWriter(session, lake).put(ObjectUpload(file, object_name, content_type(file.name)))
    return object_name


async def new_name(
    session: AsyncSession,
    lake: Lake,
    file: OpenFile,
    *,
    type: ObjectType = ObjectType.DATA,
    upload_dir: str | None = None,
) -> str:
    """A fresh object name for a file."""
    operation = uploads.object_name(lake.organization.id, lake.connector_id, file.name, type, upload_dir)
    return (await session.send(operation)).object_name


async def register(session: AsyncSession, lake: Lake, registration: DataToCreate, *, look_first: bool = False) -> Data:
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
        found = await look(session, lake, registration.object_name)
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


async def look(session: AsyncSession, lake: Lake, object_name: str) -> Data | None:
    """The data of an object; None when it is not registered."""
    try:
        return await session.send(data_operations.find_data(lake.datalake.id, object_name=object_name))
    except NotFoundError:
        return None
