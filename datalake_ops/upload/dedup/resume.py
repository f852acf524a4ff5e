"""From what a journal knows of a file to what is left to do for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from datalake_ops.client import uploads
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.errors import NotFoundError
from datalake_ops.lake import Lake
from datalake_ops.upload.dedup.tracker import SEND, Action, Decision
from datalake_ops.upload.journal.steps import FileProgress, State
from datalake_ops.upload.object_stat import is_whole
from datalake_ops.upload.parts import parts
from datalake_ops.wire.lakes import Extension
from datalake_ops.wire.uploads import StoredPart


async def resumed(session: AsyncSession, lake: Lake, trace: FileProgress, size: int) -> Decision:
    """What is left to do for a file of `size` bytes that an earlier run was sending; asks the storage what it has.

    Raises:
        AnswerError, NetworkError: the storage cannot be asked.
    """
    step = trace.step
    if step.object_name is None or step.state is State.REGISTERED:
        return SEND
    start = Decision(Action.RESUME, object_name=step.object_name, look_first=True)
    if step.state is State.STORED:
        return replace(start, stored=await is_whole(session, lake, step.object_name, size, unknown=True))
    if step.state is not State.PARTS or step.upload_id is None:
        return start
    if not lake.offers(Extension.MULTIPART_PARTS):
        return replace(start, upload_id=step.upload_id, etags=trace.etags)
    try:
        listing = uploads.multipart_parts(lake.connector_id, step.object_name, step.upload_id)
        stored = (await session.send(listing)).parts
    except NotFoundError:
        # It expired, or it was completed by a run that could not write that down any more.
        return replace(start, stored=await is_whole(session, lake, step.object_name, size, unknown=False))
    return replace(start, upload_id=step.upload_id, etags=usable(stored, size))


def usable(stored: Iterable[StoredPart], size: int) -> dict[int, str]:
    """The ETags, by number, of the stored parts that are parts of a file of `size` bytes as it is cut here."""
    planned = {part.number: part.size for part in parts(size)}
    return {part.PartNumber: part.ETag for part in stored if planned.get(part.PartNumber) == part.Size}
