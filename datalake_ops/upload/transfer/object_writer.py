"""Puts one file into a lake's storage, by whichever protocol the storage speaks."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from datalake_ops.client import uploads
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.presigned import StorageAnswer, StorageRequest, exchange
from datalake_ops.concurrency.for_each import for_each
from datalake_ops.errors import BadRequestError, NotFoundError, UnexpectedAnswerError, UnsupportedError
from datalake_ops.lake import Lake
from datalake_ops.upload.object_stat import is_whole
from datalake_ops.upload.parts import PARTS_AT_ONCE, Part, is_large, parts
from datalake_ops.upload.sources.entry import OpenFile
from datalake_ops.upload.transfer.body import FileBody, form_around
from datalake_ops.wire.uploads import PART_BYTES, ClientType, MultipartStart, PresignedUpload

logger = logging.getLogger(__name__)
S3_TYPES = frozenset({ClientType.AWS, ClientType.MINIO})
FORM_TYPES = S3_TYPES | {ClientType.GOOGLE}
# What Google says of an upload that it does not know any more.
_SESSION_GONE = frozenset({404, 410})
_PERSISTED = re.compile(r"bytes=0-(\d+)")


@dataclass
class AttemptCounter:
    """How often the storage was asked: 0 while nothing was sent, then 1 and each request that was repeated.

    `signed` tells that the platform gave an address for it.
    """

    attempts: int = 0
    signed: bool = False

    def start(self) -> None:
        """Bytes are about to leave."""
        self.attempts = max(1, self.attempts)

    def repeat(self) -> None:
        """One more request is sent again."""
        self.attempts += 1


class PartCheckpoint(Protocol):
    """What is known of a file's parts from an earlier run, and who is told of each step of this one."""

    @property
    def upload_id(self) -> str | None:
        """The multipart upload that an earlier run began."""

    @property
    def etags(self) -> Mapping[int, str]:
        """The parts that the storage has of it, by number."""

    async def begun(self, object_name: str, upload_id: str) -> None:
        """A multipart upload was begun."""

    async def part_done(self, upload_id: str, number: int, etag: str) -> None:
        """The storage took one part."""


@dataclass(frozen=True)
class ObjectUpload:
    """A file on its way to an object of the storage."""

    file: OpenFile
    object_name: str
    content_type: str
    tally: AttemptCounter = field(default_factory=AttemptCounter)
    marks: PartCheckpoint | None = None

    @property
    def whole(self) -> Part:
        """The file as a single part."""
        return Part(1, 0, self.file.size)


class ObjectWriter:
    """The storage of one connector, reached by addresses that the platform signs for each object.

    An address that the storage refuses with 403 has expired: a new one is asked for, once.
    """

    def __init__(self, session: AsyncSession, lake: Lake) -> None:
        self._session = session
        self._lake = lake
        self._connector = lake.connector_id

    async def put(self, shipment: ObjectUpload) -> None:
        """Store a file whole; large files go in parts where the storage takes parts.

        Raises:
            InvalidFileError: the file changed or vanished meanwhile.
            AnswerError, NetworkError: the storage or the platform refused, or could not be reached.
            UnsupportedError: a storage protocol that is not known.
        """
        shipment.tally.start()
        if not (is_large(shipment.file.size) and await self._put_in_parts(shipment)):
            await self._put_whole(shipment)

    async def _put_whole(self, shipment: ObjectUpload) -> None:
        async def request() -> StorageRequest:
            operation = uploads.presigned_upload(self._connector, shipment.object_name, shipment.content_type)
            address = await self._session.send(operation)
            shipment.tally.signed = True
            return single_request(address, shipment)

        (await self._exchange(request, shipment)).accepted()

    async def _put_in_parts(self, shipment: ObjectUpload) -> bool:
        if shipment.marks is not None and shipment.marks.upload_id is not None:
            await self._put_s3_parts(shipment, shipment.marks.upload_id, shipment.marks.etags)
            return True
        operation = uploads.multipart_start(self._connector, shipment.object_name, shipment.content_type)
        start = await self._session.send(operation)
        shipment.tally.signed = True
        kind = (start.client_type or "").lower()
        if kind in S3_TYPES:
            upload_id = _needed(start.upload_id, start)
            if shipment.marks is not None:
                await shipment.marks.begun(shipment.object_name, upload_id)
            await self._put_s3_parts(shipment, upload_id, {})
        elif kind == ClientType.GOOGLE:
            answer = await self._put_google_chunks(shipment, _needed(start.url, start))
            if answer.status in _SESSION_GONE:
                logger.info("The storage let the upload of %s expire; it is sent anew.", shipment.file.path)
                shipment.tally.repeat()
                start = await self._session.send(operation)
                answer = await self._put_google_chunks(shipment, _needed(start.url, start))
            answer.accepted()
        else:
            logger.warning("The storage takes no parts; %s is sent in one request.", shipment.file.path)
            return False
        return True

    async def _put_s3_parts(self, shipment: ObjectUpload, upload_id: str, known: Mapping[int, str]) -> None:
        etags = dict(known)

        async def put_part(part: Part) -> None:
            etags[part.number] = etag = await self._put_s3_part(shipment, upload_id, part)
            if shipment.marks is not None:
                await shipment.marks.part_done(upload_id, part.number, etag)

        missing = [part for part in parts(shipment.file.size) if part.number not in known]
        await for_each(missing, put_part, PARTS_AT_ONCE)
        # Parts travel side by side, and some came earlier: the last one's reading proves nothing of the others.
        await asyncio.to_thread(shipment.file.check_unchanged)
        await self._join(shipment, upload_id, [etags[number] for number in sorted(etags)])

    async def _join(self, shipment: ObjectUpload, upload_id: str, etags: Sequence[str]) -> None:
        repeats: list[bool] = []
        operation = uploads.multipart_end(self._connector, shipment.object_name, upload_id, etags)
        try:
            await self._session.send(operation, on_repeat=lambda: repeats.append(True))
        except (NotFoundError, BadRequestError):
            # A storage that joined the parts, and whose answer was lost, knows of no such upload any more.
            if not repeats or not await is_whole(
                self._session, self._lake, shipment.object_name, shipment.file.size, unknown=True
            ):
                raise

    async def _put_s3_part(self, shipment: ObjectUpload, upload_id: str, part: Part) -> str:
        async def request() -> StorageRequest:
            operation = uploads.multipart_part(self._connector, shipment.object_name, upload_id, part.number)
            address = await self._session.send(operation)
            return StorageRequest("PUT", address.url, partial(FileBody, shipment.file, part))

        answer = (await self._exchange(request, shipment)).accepted()
        etag = answer.headers.get("etag")
        if etag is None:
            raise UnexpectedAnswerError(
                f"The storage took part {part.number} in {answer.where} but gave no ETag for it."
            )
        return etag

    async def _put_google_chunks(self, shipment: ObjectUpload, url: str) -> StorageAnswer:
        size = shipment.file.size
        start = 0
        while start < size:
            chunk = Part(1, start, min(start + PART_BYTES, size))
            headers = {"Content-Range": f"bytes {chunk.start}-{chunk.end - 1}/{size}"}
            request = StorageRequest("PUT", url, partial(FileBody, shipment.file, chunk), headers)
            answer = await exchange(self._session, request, shipment.tally.repeat)
            if answer.status != 308:
                return answer
            if (reached := _persisted_until(answer, chunk)) <= start:
                break
            start = reached
        raise UnexpectedAnswerError(f"The storage took {start} of {size} bytes of {shipment.file.path}, and no more.")

    async def _exchange(self, renew: Callable[[], Awaitable[StorageRequest]], shipment: ObjectUpload) -> StorageAnswer:
        tally = shipment.tally
        answer = await exchange(self._session, await renew(), tally.repeat)
        if answer.status == 403:
            request = await renew()
            tally.repeat()
            answer = await exchange(self._session, request, tally.repeat)
        return answer


def single_request(address: PresignedUpload, shipment: ObjectUpload) -> StorageRequest:
    """The one request that stores a whole file: a form on S3 and Google, a plain PUT on Azure.

    Raises:
        UnsupportedError: another storage protocol.
    """
    kind = address.client_type.lower()
    url, fields = address.presigned_url_data.url, address.presigned_url_data.fields
    if kind in FORM_TYPES:
        form = form_around(fields, shipment.object_name, shipment.content_type)
        body = partial(FileBody, shipment.file, shipment.whole, form.head, form.tail)
        return StorageRequest("POST", url, body, {"Content-Type": form.content_type})
    if kind == ClientType.AZURE:
        headers = {str(name): str(value) for name, value in fields.items()}
        headers |= {"Content-Type": shipment.content_type, "x-ms-blob-type": "BlockBlob"}
        return StorageRequest("PUT", url, partial(FileBody, shipment.file, shipment.whole), headers)
    known = ", ".join(member.value for member in ClientType)
    raise UnsupportedError(f"The storage speaks {address.client_type!r}; known are {known}. Update datalake-ops.")


def _needed(value: str | None, start: MultipartStart) -> str:
    if value is None:
        raise UnexpectedAnswerError(
            f"The platform began an upload in parts on {start.client_type!r} without saying where."
        )
    return value


def _persisted_until(answer: StorageAnswer, chunk: Part) -> int:
    # A 308 names what is stored so far; less than was sent means the rest has to come again.
    found = _PERSISTED.fullmatch(answer.headers.get("range", ""))
    return int(found.group(1)) + 1 if found else chunk.end
