"""Operations that prepare an upload: object names, presigned addresses, multipart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from datalake_ops.client.operation import Operation, model, nothing
from datalake_ops.wire import routes
from datalake_ops.wire.uploads import (
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


def object_name(
    organization: UUID,
    connector: UUID,
    filename: str,
    type: ObjectType = ObjectType.DATA,
    upload_dir: str | None = None,
) -> Operation[ObjectName]:
    """A fresh object name for a file; every call gives another one."""
    body: dict[str, Any] = {"filename": filename, "type": type}
    if upload_dir is not None:
        body["upload_dir"] = upload_dir
    path = routes.OBJECT_NAME.format(organization=organization, connector=connector)
    return Operation("POST", path, model(ObjectName), body=body)


def presigned_upload(connector: UUID, object_name: str, content_type: str) -> Operation[PresignedUpload]:
    """Where and how to send an object in one request."""
    body = {"object_name": object_name, "content_type": content_type}
    return Operation("POST", routes.PRESIGNED_UPLOAD.format(connector=connector), model(PresignedUpload), body=body)


def presigned_batch(
    organization: UUID, connector: UUID, files: Sequence[tuple[str, str]], upload_dir: str | None = None
) -> Operation[PresignedBatch]:
    """New objects for files, given as (file name, content type): names and addresses (extension `presigned-batch`)."""
    body: dict[str, Any] = {"files": [{"filename": name, "content_type": kind} for name, kind in files]}
    if upload_dir is not None:
        body["upload_dir"] = upload_dir
    path = routes.PRESIGN_UPLOADS.format(organization=organization, connector=connector)
    return Operation("POST", path, model(PresignedBatch), body=body)


def multipart_start(connector: UUID, object_name: str, content_type: str) -> Operation[MultipartStart]:
    """Begin an upload in parts."""
    body = {"object_name": object_name, "content_type": content_type}
    return Operation("POST", routes.MULTIPART_START.format(connector=connector), model(MultipartStart), body=body)


def multipart_part(connector: UUID, object_name: str, upload_id: str, part_no: int) -> Operation[PartAddress]:
    """Where to send one part; numbers start at 1."""
    body = {"object_name": object_name, "upload_id": upload_id, "part_no": part_no}
    return Operation("POST", routes.MULTIPART_PART.format(connector=connector), model(PartAddress), body=body)


def multipart_end(connector: UUID, object_name: str, upload_id: str, etags: Sequence[str]) -> Operation[None]:
    """Join the parts; `etags` in the order of the parts, verbatim as the storage gave them."""
    parts = [{"ETag": etag, "PartNumber": number} for number, etag in enumerate(etags, start=1)]
    body = {"object_name": object_name, "upload_id": upload_id, "parts": parts}
    return Operation("POST", routes.MULTIPART_END.format(connector=connector), nothing, body=body)


def multipart_parts(connector: UUID, object_name: str, upload_id: str) -> Operation[StoredParts]:
    """The parts that the storage has of an upload under way; 404 when it is none (extension `multipart-parts`)."""
    body = {"object_name": object_name, "upload_id": upload_id}
    return Operation("POST", routes.MULTIPART_PARTS.format(connector=connector), model(StoredParts), body=body)


def presigned_download(connector: UUID, object_name: str) -> Operation[DownloadAddress]:
    """Where to fetch a stored object; 404 when there is none."""
    path = routes.PRESIGNED_DOWNLOAD.format(connector=connector)
    return Operation("POST", path, model(DownloadAddress), body={"object_name": object_name})


def object_stat(connector: UUID, object_name: str) -> Operation[ObjectStat]:
    """Ask for the size and checksum of a stored object (extension `object-stat`)."""
    body = {"object_name": object_name}
    return Operation("POST", routes.OBJECT_STAT.format(connector=connector), model(ObjectStat), body=body)
