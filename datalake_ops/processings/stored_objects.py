"""Objects in a lake's storage that are no data of it: read and written under names of a program's own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.presigned import StorageAnswer, Tries, failure_of, receive
from datalake_ops.client.retry import Failure, Loss
from datalake_ops.client.uploads import presigned_download
from datalake_ops.errors import NetworkError, NotFoundError
from datalake_ops.lake import Lake


async def fetch(session: AsyncSession, url: str) -> bytes:
    """Content at a signed address.

    Raises:
        AnswerError, NetworkError: it cannot be had.
    """
    tries = Tries(session)
    while True:
        content = bytearray()
        answer = await _receive(session, url, content)
        failure = Failure(loss=Loss.CUT) if isinstance(answer, NetworkError) else failure_of(answer)
        if failure.is_transient and await tries.again(failure):
            continue
        if isinstance(answer, NetworkError):
            raise answer
        answer.accepted()
        return bytes(content)


async def read_object(session: AsyncSession, lake: Lake, name: str) -> bytes | None:
    """Content of an object; None where the storage has none of that name.

    Raises:
        AnswerError, NetworkError: it cannot be had.
    """
    try:
        address = await session.send(presigned_download(lake.connector_id, name))
        return await fetch(session, address.presigned_url)
    except NotFoundError:
        # Some storages sign addresses of anything, and answer this only there.
        return None


async def write_object(session: AsyncSession, lake: Lake, name: str, content: bytes) -> None:
    """Store an object in place of any earlier one of that name.

    Raises:
        DatalakeError: it is not stored.
    """
    from datalake_ops.upload.sources.local import open_file
    from datalake_ops.upload.transfer.object_upload import ObjectUpload
    from datalake_ops.upload.transfer.object_writer import ObjectWriter

    with TemporaryDirectory(prefix="datalake-ops-") as folder:
        path = Path(folder) / "object"
        await asyncio.to_thread(path.write_bytes, content)
        upload = ObjectUpload(open_file(str(path)), name, "application/octet-stream")
        await ObjectWriter(session, lake).put(upload)


async def _receive(session: AsyncSession, url: str, content: bytearray) -> StorageAnswer | NetworkError:
    async def keep(piece: bytes) -> None:
        content.extend(piece)

    try:
        return await receive(session, url, keep)
    except NetworkError as error:
        return error
