"""Presigner: names and addresses for many files in one request, before they are sent, where the platform offers it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence

from datalake_ops.client import uploads
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.errors import DatalakeError
from datalake_ops.lake import Lake
from datalake_ops.upload.prepare import PreparedFile
from datalake_ops.upload.sources.file_parts import is_large
from datalake_ops.wire.lakes import Extension
from datalake_ops.wire.uploads import PRESIGNED_BATCH, PresignedObject

logger = logging.getLogger(__name__)
# An address that expires in fewer seconds than these is not used, for its file may take as long.
_MARGIN = 60.0


class Presigner:
    """Names and presigned addresses for the files of an upload, by their entries' indexes.

    What it does not have, a file asks for itself: always where the platform does not offer `presigned-batch`, for a
    large file, for a single one, and when the platform refused or an address has expired meanwhile.
    """

    def __init__(self, session: AsyncSession, lake: Lake, upload_dir: str | None = None) -> None:
        self._session = session
        self._lake = lake
        self._upload_dir = upload_dir
        self._signed: dict[int, tuple[PresignedObject, float]] = {}
        self._is_offered = lake.offers(Extension.PRESIGNED_BATCH)

    async def presign(self, files: Sequence[PreparedFile]) -> None:
        """Ask for names and addresses of files that will be sent soon; a refusal is logged, and costs nothing else."""
        if not self._is_offered:
            return
        small = [file for file in files if not is_large(file.file.size)]
        for batch in _batches(small):
            try:
                await self._ask(batch)
            except DatalakeError as error:
                logger.debug("No addresses ahead for %d files, which ask one by one: %s", len(batch), error)

    def take(self, index: int) -> PresignedObject | None:
        """Hand out what was signed for a file, once."""
        signed, expires_at = self._signed.pop(index, (None, 0.0))
        return signed if time.monotonic() < expires_at else None

    def forget(self, index: int) -> None:
        """Drop what was signed for a file that needs it no more."""
        self._signed.pop(index, None)

    async def _ask(self, batch: Sequence[PreparedFile]) -> None:
        asked_at = time.monotonic()
        operation = uploads.presigned_batch(
            self._lake.organization.id,
            self._lake.connector_id,
            [(file.file.name, file.draft.content_type) for file in batch],
            self._upload_dir,
        )
        answer = await self._session.send(operation)
        expires_at = asked_at + answer.expires_in - _MARGIN
        # The answer is in the order of the files.
        for file, signed in zip(batch, answer.objects, strict=True):
            self._signed[file.entry.index] = (signed, expires_at)


def _batches(files: Sequence[PreparedFile]) -> Iterator[Sequence[PreparedFile]]:
    return (files[start : start + PRESIGNED_BATCH] for start in range(0, len(files), PRESIGNED_BATCH) if len(files) > 1)
