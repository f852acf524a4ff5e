"""Object names, signed addresses and multipart uploads (wire: section 4), for callers that may write to the lake."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from datalake_ops.platform.catalog.ownership import ConnectorDep, OrganizationDep
from datalake_ops.platform.http.auth import PrincipalDep
from datalake_ops.platform.http.body_limits import LINES
from datalake_ops.platform.http.errors import RefusalError, bad_request, conflict, json_response, not_found
from datalake_ops.platform.http.openapi import refusals
from datalake_ops.platform.http.request_body import json_body
from datalake_ops.platform.objects.multipart import PARTS_AT_MOST, BadUploadError, CompletedPart, UnknownUploadError
from datalake_ops.platform.objects.names import BadNameError, check_object_name, generate_object_name
from datalake_ops.platform.objects.object_scope import check_object
from datalake_ops.platform.objects.object_store import PART_PATH, UPLOAD_PATH, LocalObjectStore, store_of
from datalake_ops.platform.objects.signing import POST, PUT
from datalake_ops.platform.services import base_url
from datalake_ops.wire import routes
from datalake_ops.wire.uploads import (
    PART_BYTES,
    PRESIGNED_BATCH,
    DownloadAddress,
    MultipartStart,
    ObjectName,
    ObjectStat,
    ObjectType,
    PartAddress,
    PresignedBatch,
    PresignedUpload,
    StoredParts,
)

router = APIRouter(tags=["object storage"])
ContentType = Annotated[str, Field(max_length=255, pattern=r"^[\x20-\x7e]*$")]


class NameBody(BaseModel):
    """Body of a request for an object name."""

    filename: Annotated[str, Field(min_length=1, max_length=4096)]
    type: Annotated[str, Field(pattern="^[A-Z_]{1,64}$")] = "DATA"
    upload_dir: str | None = None
    context: dict[str, UUID] | None = None


class NewFileBody(BaseModel):
    """File for which an object is to be named and signed."""

    filename: Annotated[str, Field(min_length=1, max_length=4096)]
    content_type: ContentType = ""


class NewFilesBody(BaseModel):
    """Body of a request for names and addresses of many files."""

    files: Annotated[list[NewFileBody], Field(min_length=1, max_length=PRESIGNED_BATCH)]
    upload_dir: str | None = None


class ObjectBody(BaseModel):
    """Body that names an object."""

    object_name: str


class UploadBody(ObjectBody):
    """Body that starts an upload."""

    content_type: ContentType = ""


class PartBody(ObjectBody):
    """Body of a request for a part's signed address."""

    upload_id: str
    part_no: Annotated[int, Field(ge=1, le=10_000)]


class PartsBody(ObjectBody):
    """Body of a request for the stored parts of an upload."""

    upload_id: str


class CompletedPartBody(BaseModel):
    """Part of an upload that must be completed."""

    ETag: str
    PartNumber: int


class CompleteBody(ObjectBody):
    """Body that completes an upload, with all its parts."""

    upload_id: str
    parts: Annotated[list[CompletedPartBody], Field(max_length=PARTS_AT_MOST)]


@router.post(routes.OBJECT_NAME, response_model=ObjectName)
async def name_object(
    organization: OrganizationDep, connector: ConnectorDep, body: Annotated[NameBody, json_body(NameBody)]
) -> Response:
    """Generate an unused object name."""
    owner = next(iter(body.context.values()), None) if body.context else None
    return json_response({"object_name": _generated_name(body.type, body.filename, body.upload_dir, owner)})


@router.post(routes.PRESIGN_UPLOADS, response_model=PresignedBatch)
async def presign_uploads(
    request: Request,
    organization: OrganizationDep,
    connector: ConnectorDep,
    body: Annotated[NewFilesBody, json_body(NewFilesBody, LINES)],
) -> Response:
    """Generate an unused object name for each file, and sign a form for it (extension `presigned-batch`)."""
    store, address = store_of(request), f"{base_url(request)}{UPLOAD_PATH}"
    names = [_generated_name(ObjectType.DATA, file.filename, body.upload_dir) for file in body.files]
    # All are new names in one folder.
    await check_object(request, connector.id, names[0])
    objects = []
    for name, file in zip(names, body.files, strict=True):
        grant = store.grant(POST, connector.id, name, content_type=file.content_type, max_bytes=PART_BYTES)
        data = {"url": address, "fields": store.signer.form_fields(grant)}
        objects.append({"object_name": name, "client_type": connector.client_type, "presigned_url_data": data})
    return json_response({"objects": objects, "expires_in": store.lifetime})


@router.post(routes.PRESIGNED_UPLOAD, response_model=PresignedUpload, responses=refusals(409))
async def sign_upload(
    request: Request, connector: ConnectorDep, body: Annotated[UploadBody, json_body(UploadBody)]
) -> Response:
    """Sign a form for one small file."""
    store = store_of(request)
    await check_object(request, connector.id, body.object_name)
    await _check_free(store, connector.id, body.object_name)
    grant = store.grant(POST, connector.id, body.object_name, content_type=body.content_type, max_bytes=PART_BYTES)
    data = {"url": f"{base_url(request)}{UPLOAD_PATH}", "fields": store.signer.form_fields(grant)}
    return json_response({"client_type": connector.client_type, "presigned_url_data": data})


@router.post(routes.MULTIPART_START, response_model=MultipartStart, responses=refusals(409))
async def start_multipart(
    request: Request, connector: ConnectorDep, body: Annotated[UploadBody, json_body(UploadBody)]
) -> Response:
    """Start a multipart upload."""
    store = store_of(request)
    await check_object(request, connector.id, body.object_name)
    await _check_free(store, connector.id, body.object_name)
    upload = await to_thread.run_sync(store.uploads.start, str(connector.id), body.object_name, body.content_type)
    return json_response({"client_type": connector.client_type, "upload_id": upload})


@router.post(routes.MULTIPART_PART, response_model=PartAddress)
async def sign_part(
    request: Request, connector: ConnectorDep, body: Annotated[PartBody, json_body(PartBody)]
) -> Response:
    """Sign an address for one part."""
    store = store_of(request)
    try:
        store.uploads.check(body.upload_id, str(connector.id), body.object_name)
    except UnknownUploadError as error:
        raise RefusalError(HTTPStatus.NOT_FOUND, str(error)) from error
    limits: dict[str, Any] = {"max_bytes": PART_BYTES, "upload": body.upload_id, "part": body.part_no}
    grant = store.grant(PUT, connector.id, body.object_name, **limits)
    return json_response({"url": f"{base_url(request)}{PART_PATH}?{store.signer.query(grant)}"})


@router.post(routes.MULTIPART_PARTS, response_model=StoredParts)
async def list_parts(
    request: Request, connector: ConnectorDep, principal: PrincipalDep, body: Annotated[PartsBody, json_body(PartsBody)]
) -> Response:
    """List the stored parts of an upload in progress (extension `multipart-parts`)."""
    place = (body.upload_id, str(connector.id), body.object_name)
    try:
        found = await to_thread.run_sync(lambda: store_of(request).uploads.parts(*place))
    except UnknownUploadError as error:
        raise RefusalError(HTTPStatus.NOT_FOUND, str(error)) from error
    parts = [{"ETag": part.etag, "PartNumber": part.number, "Size": part.size} for part in found]
    return json_response({"parts": parts})


@router.post(routes.MULTIPART_END, response_model=ObjectName)
async def complete_multipart(
    request: Request, connector: ConnectorDep, body: Annotated[CompleteBody, json_body(CompleteBody, LINES)]
) -> Response:
    """Complete a multipart upload."""
    store = store_of(request)
    parts = [CompletedPart(part.PartNumber, part.ETag) for part in body.parts]
    place = (body.upload_id, str(connector.id), body.object_name)
    try:
        await to_thread.run_sync(lambda: store.uploads.complete(*place, parts))
    except UnknownUploadError as error:
        raise RefusalError(HTTPStatus.NOT_FOUND, str(error)) from error
    except BadUploadError as error:
        raise bad_request(str(error)) from error
    return json_response({"object_name": body.object_name})


@router.post(routes.PRESIGNED_DOWNLOAD, response_model=DownloadAddress)
async def sign_download(
    request: Request, connector: ConnectorDep, body: Annotated[ObjectBody, json_body(ObjectBody)]
) -> Response:
    """Sign a download address of an object."""
    store = store_of(request)
    await check_object(request, connector.id, body.object_name)
    if store.stat(connector.id, body.object_name) is None:
        raise not_found(f"Object {body.object_name}")
    return json_response({"presigned_url": store.download_address(connector.id, body.object_name, base_url(request))})


@router.post(routes.OBJECT_STAT, response_model=ObjectStat)
async def stat_object(
    request: Request,
    connector: ConnectorDep,
    principal: PrincipalDep,
    body: Annotated[ObjectBody, json_body(ObjectBody)],
) -> Response:
    """Return size and content type of an object (extension `object-stat`)."""
    await check_object(request, connector.id, body.object_name)
    stat = store_of(request).stat(connector.id, body.object_name)
    if stat is None:
        raise not_found(f"Object {body.object_name}")
    return json_response(stat.model_dump())


def _generated_name(kind: str, filename: str, upload_dir: str | None, owner: UUID | None = None) -> str:
    try:
        return generate_object_name(kind, filename, upload_dir, owner)
    except BadNameError as error:
        raise bad_request(f"upload_dir cannot be used: {error}") from error


async def _check_free(store: LocalObjectStore, connector: UUID, name: str) -> None:
    try:
        check_object_name(name)
    except BadNameError as error:
        raise bad_request(str(error)) from error
    if await to_thread.run_sync(store.is_taken, connector, name):
        raise conflict(f"The object {name!r} is data already; an upload does not replace it.")
