"""Resume point of a file, from its journal and what the storage has of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from datalake_ops.client import uploads
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.errors import NotFoundError
from datalake_ops.lake import Lake
from datalake_ops.upload.dedup.object_stat import is_whole
from datalake_ops.upload.dedup.tracker import ResumePoint
from datalake_ops.upload.journal.steps import FileProgress, State
from datalake_ops.upload.sources.file_parts import file_parts
from datalake_ops.wire.lakes import Extension
from datalake_ops.wire.uploads import StoredPart


async def resume_point(session: AsyncSession, lake: Lake, progress: FileProgress, size: int) -> ResumePoint | None:
    """Return the resume point of a file of `size` bytes; None when it is to be sent from its start under a new name.

    Raises:
        AnswerError, NetworkError: the storage cannot be asked.
    """
    step = progress.step
    if step.object_name is None or step.state is State.REGISTERED:
        return None
    start = ResumePoint(step.object_name)
    if step.state is State.STORED:
        return replace(start, stored=await is_whole(session, lake, step.object_name, size, default=True))
    if step.state is not State.PARTS or step.upload_id is None:
        return start
    if not lake.offers(Extension.MULTIPART_PARTS):
        return replace(start, upload_id=step.upload_id, etags=progress.etags)
    try:
        listing = uploads.multipart_parts(lake.connector_id, step.object_name, step.upload_id)
        stored = (await session.send(listing)).parts
    except NotFoundError:
        # It expired, or it was completed by a run that could not write that down any more.
        return replace(start, stored=await is_whole(session, lake, step.object_name, size, default=False))
    return replace(start, upload_id=step.upload_id, etags=usable_parts(stored, size))


def usable_parts(stored: Iterable[StoredPart], size: int) -> dict[int, str]:
    """Return the ETags, by number, of the stored parts that match the parts of a file of `size` bytes."""
    planned = {part.number: part.size for part in file_parts(size)}
    return {part.PartNumber: part.ETag for part in stored if planned.get(part.PartNumber) == part.Size}
