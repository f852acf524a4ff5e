"""Upload of one file: object name, storage, registration, and no other request."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.errors import AnswerError, DatalakeError, NotFoundError, ResourceConflictError, StorageFullError
from datalake_ops.lake import Lake
from datalake_ops.upload.dedup.tracker import FileTracker, UploadTracker
from datalake_ops.upload.prepare import PreparedFile
from datalake_ops.upload.reporting.report import FileReport, FileStatus
from datalake_ops.upload.reporting.rows import as_upload_error, failed_row, with_data
from datalake_ops.upload.transfer.object_upload import AttemptCounter, ObjectUpload, new_object_name
from datalake_ops.upload.transfer.object_writer import ObjectWriter
from datalake_ops.upload.transfer.presigner import Presigner
from datalake_ops.upload.transfer.registration import find_registered, register
from datalake_ops.wire.data import Data
from datalake_ops.wire.log_lines import one_line
from datalake_ops.wire.uploads import PresignedUpload

logger = logging.getLogger(__name__)
# Answers by which a platform refuses to sign for an object name that it did not generate itself.
_NAME_REFUSED = frozenset({208, 400, 403, 404, 409, 422})


class FileUploader:
    """Uploader of single files into one lake; any number at the same time."""

    def __init__(
        self,
        session: AsyncSession,
        lake: Lake,
        tracker: UploadTracker,
        presigner: Presigner,
        upload_dir: str | None = None,
    ) -> None:
        self._session = session
        self._lake = lake
        self._tracker = tracker
        self._presigner = presigner
        self._upload_dir = upload_dir
        self._writer = ObjectWriter(session, lake)
        # The reason why no further file is begun, once the storage is full.
        self.storage_full: StorageFullError | None = None

    async def upload(self, file: PreparedFile) -> FileReport:
        """Upload one file and return its row; a failure is in the row and never raised."""
        path = file.entry.path
        if self.storage_full is not None:
            self._tracker.forget(file.entry.index)
            self._presigner.forget(file.entry.index)
            return failed_row(path, self.storage_full)
        started_at = time.monotonic()
        attempts = AttemptCounter()
        try:
            decision = await self._tracker.begin(file)
            row = decision if isinstance(decision, FileReport) else await self._send(file, decision, attempts)
        except DatalakeError as error:
            self._stop_if_full(error)
            row = failed_row(path, error)
        except Exception as error:
            # An unforeseen error costs this file, with its traceback in the log, and not the report of the others.
            logger.exception("The upload of %s failed unexpectedly.", one_line(path))
            row = failed_row(path, error)
        finally:
            # A file that is skipped or resumed uses nothing of it, and there may be millions.
            self._presigner.forget(file.entry.index)
        return replace(row, attempts=attempts.count, seconds=time.monotonic() - started_at)

    def _stop_if_full(self, error: DatalakeError) -> None:
        if self.storage_full is None and isinstance(error, StorageFullError):
            logger.error("Storage full: no further files are sent.")
            # A new one, without the frames that the first passed: rows of many files keep it.
            self.storage_full = StorageFullError(str(error), status=error.status)

    async def _send(self, file: PreparedFile, tracker: FileTracker, attempts: AttemptCounter) -> FileReport:
        path = file.entry.path
        try:
            if self.storage_full is not None:
                # It waited for another file of its content, which met the full storage.
                raise StorageFullError(str(self.storage_full), status=self.storage_full.status)
            stored = await self._find_or_store(file, tracker, attempts)
            if isinstance(stored, Data):
                await tracker.registered(stored)
                return with_data(FileReport(path, FileStatus.SKIPPED), stored)
            registration = file.registration(stored, tracker.custom_metadata)
            data = await register(self._session, self._lake, registration)
            await tracker.registered(data)
        except Exception as error:
            await _track_failure(tracker, path, error)
            raise
        return with_data(FileReport(path, FileStatus.UPLOADED, bytes=file.file.size), data)

    async def _find_or_store(self, file: PreparedFile, tracker: FileTracker, attempts: AttemptCounter) -> str | Data:
        """Return the name of the stored object, or its data when it is registered already."""
        resume = tracker.resume
        if resume is None:
            return await self._store_new(file, tracker, attempts)
        name = resume.object_name
        data = await find_registered(self._session, self._lake, name)
        if data is not None or resume.stored:
            return data or name
        upload = self._object_upload(file, name, tracker, attempts)
        try:
            return await self._store(replace(upload, resume=resume), tracker)
        except NotFoundError:
            if resume.upload_id is None:
                raise
            logger.info("The stored parts of %s have expired; it is sent from its start.", one_line(file.entry.path))
            return await self._store(upload, tracker)

    async def _store_new(self, file: PreparedFile, tracker: FileTracker, attempts: AttemptCounter) -> str | Data:
        ahead = self._presigner.take(file.entry.index)
        generated = ahead.object_name if ahead else await self._generate_name(file)
        name = await tracker.choose_name(generated)
        upload = self._object_upload(file, generated, tracker, attempts, ahead)
        try:
            chosen = self._object_upload(file, name, tracker, attempts) if name != generated else upload
            return await self._store(chosen, tracker)
        except AnswerError as error:
            # The name is taken, and yet it has no data: its data was deleted, perhaps.
            taken = isinstance(error, ResourceConflictError)
            # A refusal of the storage, for an address that was signed, is not about the name.
            if name == generated or not (taken or (error.status in _NAME_REFUSED and not attempts.signed)):
                raise
            refusal = error
        logger.info("The object name by content of %s cannot be used: %s", one_line(file.entry.path), refusal)
        await tracker.name_replaced(generated)
        stored = await self._store(upload, tracker)
        if not taken and stored == generated:
            await tracker.names_refused(refusal)
        return stored

    async def _generate_name(self, file: PreparedFile) -> str:
        return await new_object_name(self._session, self._lake, file.file, upload_dir=self._upload_dir)

    def _object_upload(
        self,
        file: PreparedFile,
        object_name: str,
        tracker: FileTracker,
        attempts: AttemptCounter,
        address: PresignedUpload | None = None,
    ) -> ObjectUpload:
        return ObjectUpload(file.file, object_name, file.draft.content_type, attempts, tracker, address=address)

    async def _store(self, upload: ObjectUpload, tracker: FileTracker) -> str | Data:
        try:
            await self._writer.put(upload)
        except ResourceConflictError:
            # Another worker with the same file was faster.
            data = await find_registered(self._session, self._lake, upload.object_name)
            if data is None:
                raise
            return data
        await tracker.stored(upload.object_name)
        return upload.object_name


async def _track_failure(tracker: FileTracker, path: str, error: Exception) -> None:
    try:
        await tracker.failed(as_upload_error(error, path))
    except Exception:
        logger.exception("The failure of %s could not be written to the journal.", one_line(path))
