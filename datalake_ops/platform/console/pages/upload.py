"""Upload from the browser: the page, and the plain form that it is without scripts."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from datalake_ops.platform.catalog.register import validate_filename
from datalake_ops.platform.console.rendering import page
from datalake_ops.platform.console.routing import PageRoute, require_lake, require_session
from datalake_ops.platform.console.sessions import Session
from datalake_ops.platform.console.uploads.form import FILES
from datalake_ops.platform.console.uploads.receive import ReceivedFile, receive_files
from datalake_ops.platform.console.uploads.register import Labels, find_labels, register_file
from datalake_ops.platform.http.errors import RefusalError, bad_request
from datalake_ops.platform.objects.names import generate_object_name
from datalake_ops.platform.objects.object_store import store_of
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.wire.media_types import SNIFF_BYTES
from datalake_ops.wire.uploads import PART_BYTES, ObjectType

router = APIRouter(include_in_schema=False, route_class=PageRoute)

UPLOAD_PAGE = "/{organization:uuid}/datalake/{datalake:uuid}/upload"
REFUSED = "REFUSED"


@dataclass(frozen=True)
class FileRow:
    """A file as the page shows it: its state, the reason of a failure, and its data's id once it is registered."""

    name: str
    size: int
    state: str
    reason: str = ""
    data: UUID | None = None


@router.get(UPLOAD_PAGE)
async def show_upload(request: Request, organization: UUID, datalake: UUID) -> Response:
    """Show the form."""
    session = await require_session(request)
    lake = await require_lake(request, session, datalake)
    return _page(request, session, lake, [])


@router.post(UPLOAD_PAGE)
async def upload(request: Request, organization: UUID, datalake: UUID) -> Response:
    """Receive a few files sent by the plain form, add those that can be, and show what became of each."""
    session = await require_session(request)
    lake = await require_lake(request, session, datalake)
    with ExitStack() as kept:
        form, files = await receive_files(request, session.id, store_of(request).folder.stage, kept)
        if not files:
            raise bad_request("No file was chosen.")
        labels = await find_labels(request, lake, form.get("tags"), form.get("source"))
        rows = [await _add(request, lake, file, labels) for file in files]
    return _page(request, session, lake, rows)


async def _add(request: Request, lake: LakeRow, file: ReceivedFile, labels: Labels) -> FileRow:
    if file.refused is not None:
        return FileRow(file.name, file.size, REFUSED, file.refused)
    try:
        validate_filename(file.name)
        name = generate_object_name(ObjectType.DATA, file.name)
        await to_thread.run_sync(file.staged.commit, str(lake.connector_id), name)
        data = await register_file(request, lake, name, file.name, labels)
    except RefusalError as error:
        return FileRow(file.name, file.size, REFUSED, error.message)
    return FileRow(file.name, file.size, data["upload_status"], data.get("error_reason") or "", data["id"])


def _page(request: Request, session: Session, lake: LakeRow, rows: list[FileRow]) -> Response:
    limits = {"most": FILES, "max_bytes": PART_BYTES, "head_bytes": SNIFF_BYTES}
    return page(request, "upload.html", session, lake=lake, rows=rows, **limits)
