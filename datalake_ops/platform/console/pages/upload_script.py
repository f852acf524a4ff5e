"""Routes of the upload page's script: the signed form of one file, and its registration; both speak JSON."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from datalake_ops.platform.catalog.register import validate_filename
from datalake_ops.platform.console.pages.upload import UPLOAD_PAGE
from datalake_ops.platform.console.routing import SignInRequiredError, require_lake, require_session
from datalake_ops.platform.console.security import CSRF_HEADER, check_csrf
from datalake_ops.platform.console.uploads.receive import TOO_LARGE
from datalake_ops.platform.console.uploads.register import find_labels, label_names, register_file
from datalake_ops.platform.http.errors import RefusalError, bad_request, json_response
from datalake_ops.platform.http.request_body import JsonBody
from datalake_ops.platform.objects.media_type import content_type, refusal_reason
from datalake_ops.platform.objects.names import generate_object_name
from datalake_ops.platform.objects.object_store import UPLOAD_PATH, store_of
from datalake_ops.platform.objects.signing import POST
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.wire.media_types import SNIFF_BYTES
from datalake_ops.wire.uploads import PART_BYTES, ObjectType

# Without PageRoute: a refusal is JSON here.
router = APIRouter(include_in_schema=False)


class ChosenFile(BaseModel):
    """Body of `sign`: a chosen file with its size and its first bytes in hexadecimal, and the labels of the form."""

    filename: str
    size: int = Field(ge=0)
    head: str = Field(max_length=2 * SNIFF_BYTES)
    tags: str = ""
    source: str = ""


class StoredFile(BaseModel):
    """Body of `register`: an object that was stored, with the labels of the form."""

    object_name: str
    filename: str
    tags: str = ""
    source: str = ""


_CHOSEN, _STORED = JsonBody(ChosenFile), JsonBody(StoredFile)


@router.post(f"{UPLOAD_PAGE}/sign")
async def sign(request: Request, organization: UUID, datalake: UUID) -> Response:
    """Name an object for a file, and sign the form that stores it; or answer why it is not taken."""
    lake = await _lake(request, datalake)
    file = await _CHOSEN.read(request)
    validate_filename(file.filename)
    # Before the bytes are sent, although only the registration needs them.
    label_names(file.tags, file.source)
    head = _bytes(file.head)
    refused = TOO_LARGE if file.size > PART_BYTES else refusal_reason(file.filename, head)
    if refused is not None:
        return json_response({"refused": refused})
    store, kind = store_of(request), content_type(file.filename, head)
    name = generate_object_name(ObjectType.DATA, file.filename)
    grant = store.grant(POST, lake.connector_id, name, content_type=kind, max_bytes=PART_BYTES)
    # The address is of the page's own origin, by whichever name the browser reached it.
    fields = {**store.signer.form_fields(grant), "Content-Type": kind}
    return json_response({"object_name": name, "url": UPLOAD_PATH, "fields": fields})


@router.post(f"{UPLOAD_PAGE}/register")
async def register(request: Request, organization: UUID, datalake: UUID) -> Response:
    """Register a stored file; the answer has its state and the address of its page."""
    lake = await _lake(request, datalake)
    file = await _STORED.read(request)
    labels = await find_labels(request, lake, file.tags, file.source)
    data = await register_file(request, lake, file.object_name, file.filename, labels)
    address = f"/{organization}/datalake/{datalake}/data/{data['id']}"
    return json_response({"state": data["upload_status"], "reason": data.get("error_reason"), "address": address}, 201)


async def _lake(request: Request, datalake: UUID) -> LakeRow:
    """Lake of a script's request, whose session and proof are checked."""
    try:
        session = await require_session(request)
    except SignInRequiredError as error:
        raise RefusalError(HTTPStatus.UNAUTHORIZED, "The session has ended; sign in again.") from error
    check_csrf(request, session.id, request.headers.get(CSRF_HEADER, ""))
    return await require_lake(request, session, datalake)


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise bad_request("head has to be hexadecimal.") from error
