"""Upload of projections: further renderings of data, one or many at once."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from uuid import UUID

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.data import create_projection, list_projections
from datalake_ops.client.presigned import Tries
from datalake_ops.client.retry import Failure, Loss
from datalake_ops.concurrency import loop_thread
from datalake_ops.concurrency.bulk_retry import bulk_connection
from datalake_ops.concurrency.limiter import Limiter
from datalake_ops.concurrency.task_pool import TaskPool
from datalake_ops.config import Connection
from datalake_ops.errors import AmbiguousRequestError, DatalakeError, InvalidFileError, UploadError
from datalake_ops.lake import Lake
from datalake_ops.upload.progress import OnProgress, Progress, ProgressReporter
from datalake_ops.upload.reporting.rows import as_upload_error
from datalake_ops.upload.sources.entry import OpenFile, json_ready
from datalake_ops.upload.sources.image_metadata import merged, read_picture
from datalake_ops.upload.sources.local import open_file
from datalake_ops.upload.sources.media_type import content_type
from datalake_ops.upload.transfer.object_writer import store_file
from datalake_ops.wire.data import DataProjection, ProjectionToCreate
from datalake_ops.wire.log_lines import one_line
from datalake_ops.wire.uploads import ObjectType

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProjectionRequest:
    """Request to attach a picture to a data, under a name and with additional info."""

    data_id: UUID
    name: str
    path: str
    additional_info: Mapping[str, Any] | None = None
    fill_metadata: bool | str = False
    skip_existing: bool = False


@dataclass(frozen=True)
class ProjectionReport:
    """Outcome of one projection of many: the projection, or the error.

    `skipped` means that the data had a projection of that name already, which is this one.
    """

    data_id: UUID
    path: str
    projection: DataProjection | None = None
    error: UploadError | None = None
    skipped: bool = False


def upload_projection(request: ProjectionRequest, connection: Connection, lake: Lake) -> DataProjection:
    """Store a picture and attach it to a data; blocks, also inside a running event loop.

    With `fill_metadata` the EXIF fields go into `additional_info`, under what the caller gives there.

    Raises:
        InvalidFileError: the file is no picture that can be measured; nothing was sent.
        DatalakeError: it was not stored or not registered.
    """

    async def main() -> DataProjection:
        async with AsyncSession(connection, lake.organization.id) as session:
            return await send_projection(session, request, lake)

    return loop_thread.run(main)


async def send_projection(session: AsyncSession, request: ProjectionRequest, lake: Lake) -> DataProjection:
    """Store a picture and attach it to a data, over a session that is open already; arguments and errors are the same.

    Raises:
        InvalidFileError: the file is no picture that can be measured; nothing was sent.
        DatalakeError: it was not stored or not registered.
    """
    return await _upload(session, await asyncio.to_thread(_prepared, request), lake)


def upload_projections(
    requests: Iterable[ProjectionRequest],
    connection: Connection,
    lake: Lake,
    max_workers: int,
    on_progress: OnProgress | None = None,
) -> list[ProjectionReport]:
    """Store many pictures, as many at once as the platform takes well, and report on each, in order; blocks."""
    rows = _Rows()
    reporter = ProgressReporter(on_progress, rows.progress)
    patient = bulk_connection(connection)
    loop_thread.run(lambda: _upload_all(iter(requests), patient, lake, max_workers, rows), reporter, reporter.interval)
    reporter()
    return rows.reports


class _Rows:
    """Reports of many projections, and their running totals."""

    def __init__(self) -> None:
        self.reports: list[ProjectionReport] = []
        self._totals = Counter[str]()

    def add(self, request: ProjectionRequest) -> int:
        """Add a projection that has begun, and return its index."""
        self.reports.append(ProjectionReport(request.data_id, request.path))
        return len(self.reports) - 1

    def set(self, index: int, report: ProjectionReport, size: int) -> None:
        """Set the report of a projection that has ended and stored `size` bytes."""
        self.reports[index] = report
        self._totals.update(files=1, bytes=size, failed=report.error is not None, skipped=report.skipped)

    def progress(self) -> Progress:
        """Return the running totals."""
        totals = self._totals
        return Progress(totals["files"], None, totals["bytes"], totals["failed"], totals["skipped"])


async def _upload_all(
    requests: Iterator[ProjectionRequest], connection: Connection, lake: Lake, max_workers: int, rows: _Rows
) -> None:
    limiter = Limiter(max_workers, connection.retry.budget)
    pool = TaskPool(lambda: min(limiter.limit + limiter.resting, max_workers))
    limiter.on_room = pool.wake
    async with AsyncSession(connection, lake.organization.id, pool_size=max_workers, gate=limiter) as session:

        async def upload_one(item: tuple[int, ProjectionRequest]) -> None:
            index, request = item
            rows.set(index, *await _reported(session, request, lake))

        try:
            while window := await asyncio.to_thread(lambda: list(islice(requests, max_workers))):
                for request in window:
                    await pool.start(upload_one, (rows.add(request), request))
            await pool.finish()
        finally:
            await pool.stop()


async def _reported(session: AsyncSession, request: ProjectionRequest, lake: Lake) -> tuple[ProjectionReport, int]:
    row = ProjectionReport(request.data_id, request.path)
    try:
        if request.skip_existing and (existing := await _find_existing(session, request)) is not None:
            return replace(row, projection=existing, skipped=True), 0
        prepared = await asyncio.to_thread(_prepared, request)
        return replace(row, projection=await _upload(session, prepared, lake)), prepared.file.size
    except DatalakeError as error:
        return replace(row, error=as_upload_error(error, request.path)), 0
    except Exception as error:
        # An unforeseen error costs this picture, with its traceback in the log, and not the report of the others.
        logger.exception("The projection %s failed unexpectedly.", one_line(request.path))
        return replace(row, error=as_upload_error(error, request.path)), 0


async def _find_existing(session: AsyncSession, request: ProjectionRequest) -> DataProjection | None:
    found = await session.send(list_projections(request.data_id))
    return next((one for one in found if one.name == request.name), None)


def _prepared(request: ProjectionRequest) -> _Projection:
    file = open_file(request.path)
    picture = read_picture(file, request.fill_metadata)
    if picture is None or picture.unsupported:
        raise InvalidFileError(
            f"{request.path} cannot be opened as a picture, and a projection needs a width and a height.", request.path
        )
    info = merged(
        {**picture.metadata, **picture.custom_metadata},
        json_ready(request.path, request.additional_info, "additional_info"),
    )
    draft = ProjectionToCreate(
        name=request.name,
        file_size=file.size,
        object_name="",
        filename=file.name,
        content_type=content_type(file.name),
        width=picture.width,
        height=picture.height,
        additional_info=info or None,
    )
    return _Projection(request.data_id, file, draft)


@dataclass(frozen=True)
class _Projection:
    data_id: UUID
    file: OpenFile
    draft: ProjectionToCreate


async def _upload(session: AsyncSession, projection: _Projection, lake: Lake) -> DataProjection:
    object_name = await store_file(session, lake, projection.file, ObjectType.DATA_PROJECTION)
    registration = projection.draft.model_copy(update={"object_name": object_name})
    return await _register(session, projection.data_id, registration)


async def _register(session: AsyncSession, data_id: UUID, registration: ProjectionToCreate) -> DataProjection:
    tries = Tries(session)
    while True:
        created = await _try_to_register(session, data_id, registration)
        if isinstance(created, DataProjection):
            return created
        known = await session.send(list_projections(data_id))
        found = next((one for one in known if one.object_name == registration.object_name), None)
        if found is not None:
            return found
        if not await tries.again(Failure(loss=Loss.CUT)):
            raise created


async def _try_to_register(
    session: AsyncSession, data_id: UUID, registration: ProjectionToCreate
) -> DataProjection | AmbiguousRequestError:
    try:
        return await session.send(create_projection(data_id, registration))
    except AmbiguousRequestError as error:
        return error
