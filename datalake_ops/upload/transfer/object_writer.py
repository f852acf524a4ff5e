"""Writer of objects into a lake's storage, by the protocol that the storage speaks: S3, Google, Azure."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from datalake_ops.client import uploads
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.presigned import StorageAnswer, StorageRequest, exchange
from datalake_ops.concurrency.for_each import for_each
from datalake_ops.errors import BadRequestError, NotFoundError, UnexpectedAnswerError, UnsupportedError
from datalake_ops.lake import Lake
from datalake_ops.upload.dedup.object_stat import is_whole
from datalake_ops.upload.sources.entry import OpenFile
from datalake_ops.upload.sources.file_parts import PARTS_AT_ONCE, FilePart, file_parts, is_large
from datalake_ops.upload.sources.media_type import content_type
from datalake_ops.upload.transfer.body import FileBody, form_around
from datalake_ops.upload.transfer.object_upload import ObjectUpload, new_object_name
from datalake_ops.wire.log_lines import one_line
from datalake_ops.wire.uploads import PART_BYTES, ClientType, MultipartStart, ObjectType, PresignedUpload

logger = logging.getLogger(__name__)
S3_TYPES = frozenset({ClientType.AWS, ClientType.MINIO})
FORM_TYPES = S3_TYPES | {ClientType.GOOGLE}
# Answers of Google for an upload session that it does not know any more.
_SESSION_GONE = frozenset({404, 410})
_PERSISTED = re.compile(r"bytes=0-(\d+)")


class ObjectWriter:
    """Writer into the storage of one connector, by addresses that the platform signs for each object.

    An address that the storage refuses with 403 has expired: a new one is requested, once.
    """

    def __init__(self, session: AsyncSession, lake: Lake) -> None:
        self._session = session
        self._lake = lake

    async def put(self, upload: ObjectUpload) -> None:
        """Store a file whole; large files go in parts where the storage takes parts.

        Raises:
            InvalidFileError: the file changed or vanished meanwhile.
            AnswerError, NetworkError: the storage or the platform refused, or could not be reached.
            UnsupportedError: a storage protocol that is not known.
        """
        upload.attempts.start()
        if not (is_large(upload.file.size) and await self._put_in_parts(upload)):
            await self._put_whole(upload)

    async def _put_whole(self, upload: ObjectUpload) -> None:
        ahead = upload.address

        async def request() -> StorageRequest:
            nonlocal ahead
            operation = uploads.presigned_upload(self._lake.connector_id, upload.object_name, upload.content_type)
            address = await self._session.send(operation) if ahead is None else ahead
            ahead = None
            upload.attempts.signed = True
            return single_request(address, upload)

        (await self._exchange(request, upload)).accepted()

    async def _put_in_parts(self, upload: ObjectUpload) -> bool:
        if upload.resume is not None and upload.resume.upload_id is not None:
            await self._put_s3_parts(upload, upload.resume.upload_id, upload.resume.etags)
            return True
        operation = uploads.multipart_start(self._lake.connector_id, upload.object_name, upload.content_type)
        start = await self._session.send(operation)
        upload.attempts.signed = True
        kind = (start.client_type or "").lower()
        if kind in S3_TYPES:
            upload_id = _required(start.upload_id, start)
            if upload.checkpoint is not None:
                await upload.checkpoint.parts_begun(upload.object_name, upload_id)
            await self._put_s3_parts(upload, upload_id, {})
        elif kind == ClientType.GOOGLE:
            answer = await self._put_google_chunks(upload, _required(start.url, start))
            if answer.status in _SESSION_GONE:
                logger.info("The upload session of %s expired; it is sent from its start.", one_line(upload.file.path))
                upload.attempts.repeat()
                start = await self._session.send(operation)
                answer = await self._put_google_chunks(upload, _required(start.url, start))
            answer.accepted()
        else:
            logger.warning("The storage accepts no parts; %s is sent in one request.", one_line(upload.file.path))
            return False
        return True

    async def _put_s3_parts(self, upload: ObjectUpload, upload_id: str, known: Mapping[int, str]) -> None:
        etags = dict(known)

        async def put_part(part: FilePart) -> None:
            etags[part.number] = etag = await self._put_s3_part(upload, upload_id, part)
            if upload.checkpoint is not None:
                await upload.checkpoint.part_done(upload_id, part.number, etag)

        missing = [part for part in file_parts(upload.file.size) if part.number not in known]
        await for_each(missing, put_part, PARTS_AT_ONCE)
        # Parts are sent concurrently, and some came earlier: the last read proves nothing of the others.
        await asyncio.to_thread(upload.file.check_unchanged)
        await self._join(upload, upload_id, [etags[number] for number in sorted(etags)])

    async def _join(self, upload: ObjectUpload, upload_id: str, etags: Sequence[str]) -> None:
        repeats: list[bool] = []
        operation = uploads.multipart_end(self._lake.connector_id, upload.object_name, upload_id, etags)
        try:
            await self._session.send(operation, on_repeat=lambda: repeats.append(True))
        except (NotFoundError, BadRequestError):
            # A storage that joined the parts, and whose answer was lost, does not know the upload any more.
            if not repeats or not await is_whole(
                self._session, self._lake, upload.object_name, upload.file.size, default=True
            ):
                raise

    async def _put_s3_part(self, upload: ObjectUpload, upload_id: str, part: FilePart) -> str:
        async def request() -> StorageRequest:
            operation = uploads.multipart_part(self._lake.connector_id, upload.object_name, upload_id, part.number)
            address = await self._session.send(operation)
            return StorageRequest("PUT", address.url, partial(FileBody, upload.file, part))

        answer = (await self._exchange(request, upload)).accepted()
        etag = answer.headers.get("etag")
        if etag is None:
            raise UnexpectedAnswerError(f"The storage took part {part.number} in {answer.where} but returned no ETag.")
        return etag

    async def _put_google_chunks(self, upload: ObjectUpload, url: str) -> StorageAnswer:
        size = upload.file.size
        start = 0
        while start < size:
            chunk = FilePart(1, start, min(start + PART_BYTES, size))
            headers = {"Content-Range": f"bytes {chunk.start}-{chunk.end - 1}/{size}"}
            request = StorageRequest("PUT", url, partial(FileBody, upload.file, chunk), headers)
            answer = await exchange(self._session, request, upload.attempts.repeat)
            if answer.status != 308:
                return answer
            if (reached := _persisted_until(answer, chunk)) <= start:
                break
            start = reached
        raise UnexpectedAnswerError(f"The storage took {start} of {size} bytes of {upload.file.path}, and no more.")

    async def _exchange(self, renew: Callable[[], Awaitable[StorageRequest]], upload: ObjectUpload) -> StorageAnswer:
        attempts = upload.attempts
        answer = await exchange(self._session, await renew(), attempts.repeat)
        if answer.status == 403:
            request = await renew()
            attempts.repeat()
            answer = await exchange(self._session, request, attempts.repeat)
        return answer


async def store_file(session: AsyncSession, lake: Lake, file: OpenFile, type: ObjectType) -> str:
    """Store a file under a new object name, and return that name.

    Raises:
        DatalakeError: it is not stored.
    """
    object_name = await new_object_name(session, lake, file, type=type)
    await ObjectWriter(session, lake).put(ObjectUpload(file, object_name, content_type(file.name)))
    return object_name


def single_request(address: PresignedUpload, upload: ObjectUpload) -> StorageRequest:
    """Return the one request that stores a whole file: a form on S3 and Google, a plain PUT on Azure.

    Raises:
        UnsupportedError: another storage protocol.
    """
    kind = address.client_type.lower()
    url, fields = address.presigned_url_data.url, address.presigned_url_data.fields
    if kind in FORM_TYPES:
        form = form_around(fields, upload.object_name, upload.content_type)
        body = partial(FileBody, upload.file, upload.whole, form.head, form.tail)
        return StorageRequest("POST", url, body, {"Content-Type": form.content_type})
    if kind == ClientType.AZURE:
        headers = {str(name): str(value) for name, value in fields.items()}
        headers |= {"Content-Type": upload.content_type, "x-ms-blob-type": "BlockBlob"}
        return StorageRequest("PUT", url, partial(FileBody, upload.file, upload.whole), headers)
    known = ", ".join(member.value for member in ClientType)
    raise UnsupportedError(f"The storage speaks {address.client_type!r}; known are {known}. Update datalake-ops.")


def _required(value: str | None, start: MultipartStart) -> str:
    if value is None:
        raise UnexpectedAnswerError(
            f"The platform began a multipart upload on {start.client_type!r} but returned no address for it."
        )
    return value


def _persisted_until(answer: StorageAnswer, chunk: FilePart) -> int:
    # A 308 has the range that is stored so far; after less than was sent, the rest is sent again.
    found = _PERSISTED.fullmatch(answer.headers.get("range", ""))
    return int(found.group(1)) + 1 if found else chunk.end
