"""The storage itself: where signed addresses lead. No token is asked for, the signature is the permission."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import quote
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from datalake_ops.platform.http.errors import RefusalError, bad_request, conflict, not_found
from datalake_ops.platform.objects.folder_store import StagedFile
from datalake_ops.platform.objects.forms import BadFormError, UploadForm
from datalake_ops.platform.objects.multipart import UnknownUploadError
from datalake_ops.platform.objects.object_store import (
    OBJECT_PATH,
    PART_PATH,
    UPLOAD_PATH,
    LocalObjectStore,
    OpenObject,
    store_of,
)
from datalake_ops.platform.objects.ranges import ByteRange, UnsatisfiableRangeError, read_range
from datalake_ops.platform.objects.signing import GET, PUT, BadPolicyError, Grant, RefusedGrantError
from datalake_ops.platform.objects.streaming import TooLargeError, UploadSink, stream_range
from datalake_ops.platform.store.disk_space import DiskFullError
from datalake_ops.wire.uploads import PART_BYTES

router = APIRouter(include_in_schema=False)

_REFUSALS: dict[type[Exception], HTTPStatus] = {
    RefusedGrantError: HTTPStatus.FORBIDDEN,
    BadFormError: HTTPStatus.BAD_REQUEST,
    BadPolicyError: HTTPStatus.BAD_REQUEST,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnknownUploadError: HTTPStatus.NOT_FOUND,
    DiskFullError: HTTPStatus.INSUFFICIENT_STORAGE,
}
_DIGITS = 18
# Boundaries, headers and fields around the file of a form.
_FORM_BYTES = 64 * 1024


@router.post(UPLOAD_PATH)
async def upload_form(request: Request) -> Response:
    """Receive a small file sent as a form."""
    store = store_of(request)
    with _refusals():
        form = UploadForm(request.headers.get("content-type", ""))
        # No form is signed for more; the signed size is known once the fields are read.
        _check_announced(request, PART_BYTES + _FORM_BYTES)
        with store.folder.stage() as staged:
            grant, incoming = await _read_form(form, request, store, staged)
            await incoming.finish(lambda _: _commit(store, staged, grant))
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.put(PART_PATH)
async def upload_part(request: Request) -> Response:
    """Receive one part of a large file."""
    store = store_of(request)
    with _refusals():
        grant = store.signer.read_query(request.query_params, PUT, time.time())
        _check_announced(request, grant.max_bytes)
        store.uploads.check(grant.upload, grant.connector, grant.key)
        with store.folder.stage() as staged:
            incoming = UploadSink(staged, grant.max_bytes)
            async for chunk in request.stream():
                await incoming.add(chunk)
            etag = await incoming.finish(lambda md5: store.uploads.put(grant.upload, grant.part, staged, md5))
    return Response(headers={"ETag": etag})


@router.api_route(OBJECT_PATH, methods=["GET", "HEAD"])
async def download(request: Request) -> Response:
    """Send an object, or the requested range of it."""
    store = store_of(request)
    try:
        grant = store.signer.read_query(request.query_params, GET, time.time())
        opened = await to_thread.run_sync(store.open, UUID(grant.connector), grant.key)
    except RefusedGrantError as error:
        raise RefusalError(HTTPStatus.FORBIDDEN, str(error)) from error
    except FileNotFoundError as error:
        raise not_found(f"Object {grant.key}") from error
    return _send_object(request, grant.key, opened)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn failures of an upload into error answers; the server discards what a refused client still sends."""
    try:
        yield
    except ClientDisconnect as error:
        raise bad_request("The connection ended before the file did.") from error
    except tuple(_REFUSALS) as error:
        raise RefusalError(_REFUSALS[type(error)], str(error)) from error


def _check_announced(request: Request, max_bytes: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and (len(announced) > _DIGITS or int(announced) > max_bytes):
        raise TooLargeError(f"The upload is larger than the {max_bytes} bytes it was signed for.")


async def _read_form(
    form: UploadForm, request: Request, store: LocalObjectStore, staged: StagedFile
) -> tuple[Grant, UploadSink]:
    grant: Grant | None = None
    incoming: UploadSink | None = None
    async for chunk in request.stream():
        content = form.feed(chunk)
        if form.file_began and grant is None:
            grant = store.signer.read_form(form.fields, time.time())
            _check_announced(request, grant.max_bytes + _FORM_BYTES)
            incoming = UploadSink(staged, grant.max_bytes)
        if content and incoming is not None:
            await incoming.add(content)
    if grant is None or incoming is None or not form.file_ended:
        raise BadFormError("The form holds no whole file.")
    return grant, incoming


def _commit(store: LocalObjectStore, staged: StagedFile, grant: Grant) -> None:
    # Checked again: the name was free when the form was signed, which may be an hour ago.
    if store.is_taken(UUID(grant.connector), grant.key):
        raise conflict(f"The object {grant.key!r} is data already; an upload does not replace it.")
    staged.commit(grant.connector, grant.key)


def _send_object(request: Request, name: str, opened: OpenObject) -> Response:
    etag = f'"{opened.etag}"'
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": _attachment(name.rpartition("/")[2]),
        # Users' files must never run in a browser as pages of this platform.
        "Content-Security-Policy": "sandbox",
        "X-Content-Type-Options": "nosniff",
        "ETag": etag,
    }
    unchanged = request.headers.get("if-range", etag) == etag
    try:
        parameters = read_range(request.headers.get("range") if unchanged else None, opened.size)
    except UnsatisfiableRangeError:
        opened.file.close()
        headers |= {"Content-Range": f"bytes */{opened.size}"}
        return Response(status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
    part = parameters or ByteRange(0, opened.size - 1)
    # Announced, never chunked: clients take a missing Content-Length for a broken transfer.
    headers["Content-Length"] = str(part.length)
    if parameters:
        headers["Content-Range"] = f"bytes {parameters.start}-{parameters.end}/{opened.size}"
    status = HTTPStatus.PARTIAL_CONTENT if parameters else HTTPStatus.OK
    if request.method == "HEAD":
        opened.file.close()
        return Response(status_code=status, headers=headers, media_type=opened.content_type)
    return StreamingResponse(stream_range(opened.file, part), status, headers, opened.content_type)


def _attachment(name: str) -> str:
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"\\' else "_" for char in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
