"""One file on its whole way: object name, storage, registration, and no request more."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
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
)
from datalake_ops.upload.feed import Errand
from datalake_ops.upload.ledger import Decision, Ledger
from datalake_ops.upload.plan import content_type
from datalake_ops.upload.prepare import Prepared
from datalake_ops.upload.report import FileReport, FileStatus
from datalake_ops.upload.request import Lake, UploadRequest
from datalake_ops.upload.rows import failed_row, with_data
from datalake_ops.upload.source import OpenFile
from datalake_ops.upload.storage import Shipment, Storage, Tally
from datalake_ops.wire.data import Data, DataToCreate
from datalake_ops.wire.uploads import ObjectType

logger = logging.getLogger(__name__)


class Courier:
    """Carries single files into one lake; any number at the same time."""

    def __init__(self, session: AsyncSession, lake: Lake, request: UploadRequest, ledger: Ledger) -> None:
        self._session = session
        self._lake = lake
        self._request = request
        self._ledger = ledger

    async def carry(self, errand: Errand) -> FileReport:
        """Upload one file and report on it; a failure is told in the row and never raised."""
        started_at = time.monotonic()
        tally = Tally()
        path = errand.prepared.entry.path
        try:
            data = await self._carry(errand, tally)
            row = with_data(FileReport(path, FileStatus.UPLOADED, bytes=errand.prepared.file.size), data)
        except DatalakeError as error:
            row = await self._failed(errand, error)
        except Exception as error:
            # What nobody foresaw costs this file, with its traceback in the log, and not the report of the others.
            logger.exception("The upload of %s failed unexpectedly.", path)
            row = await self._failed(errand, error)
        return replace(row, attempts=tally.attempts, seconds=time.monotonic() - started_at)

    async def _carry(self, errand: Errand, tally: Tally) -> Data:
        file, decision = errand.prepared, errand.decision
        object_name = decision.object_name or await self._name(file)
        if not decision.stored:
            shipment = Shipment(
                file.file, object_name, file.draft.content_type, tally, _Marks(self._ledger, file, decision)
            )
            await Storage(self._session, self._lake.connector_id).put(shipment)
            await self._ledger.stored(file, object_name)
        registration = file.named(object_name, decision.custom_metadata)
        data = await register(self._session, self._lake, registration, look_first=decision.look_first)
        await self._ledger.registered(file, data)
        return data

    async def _name(self, file: Prepared) -> str:
        name = await new_name(self._session, self._lake, file.file, upload_dir=self._request.upload_dir)
        await self._ledger.named(file, name)
        return name

    async def _failed(self, errand: Errand, error: Exception) -> FileReport:
        row = failed_row(errand.prepared.entry.path, error)
        if row.error is not None:
            await self._ledger.failed(errand.prepared, row.error)
        return row


@dataclass(frozen=True)
class _Marks:
    """Where one file's parts stand, kept in the ledger."""

    ledger: Ledger
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
    await Storage(session, lake.connector_id).put(Shipment(file, object_name, content_type(file.name)))
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

    `look_first` looks before the first request too: an earlier run may have sent it.

    Raises:
        DatalakeError: it is not registered, or nobody can tell within the retry policy.
    """
    if look_first and (known := await _look(session, lake, registration)) is not None:
        return known
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
