"""Preparation of a file in a worker thread: opens it, measures it, and drafts its registration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datalake_ops.errors import UnsupportedFileError, UploadError
from datalake_ops.upload.options import Unsupported
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import Entry, OpenFile, check_name, json_ready
from datalake_ops.upload.sources.image_metadata import Picture, merged, read_picture
from datalake_ops.upload.sources.local import LocalFile
from datalake_ops.upload.sources.media_type import content_type, data_type, file_type
from datalake_ops.upload.support import refusal
from datalake_ops.wire.data import METADATA_TEXTS, DataToCreate, Meta
from datalake_ops.wire.media_types import CAMERA_RAW, CAMERA_RAW_TYPE, SNIFF_BYTES, TIFF, sniff


@dataclass(frozen=True)
class PreparedFile:
    """An open file and the draft of its registration, which lacks the object name."""

    entry: Entry
    file: OpenFile
    draft: DataToCreate

    def registration(self, object_name: str, custom_metadata: Mapping[str, Any] | None = None) -> DataToCreate:
        """Return the registration of the stored object; `custom_metadata` goes on top of the caller's own."""
        update: dict[str, Any] = {"object_name": object_name}
        if custom_metadata:
            update["custom_metadata"] = {**(self.draft.custom_metadata or {}), **custom_metadata}
        return self.draft.model_copy(update=update)


def prepare(entry: Entry, request: UploadRequest) -> PreparedFile:
    """Open and measure a file, once. Blocks.

    Raises:
        InvalidFileError, UploadError: it cannot be uploaded; nothing was sent.
    """
    metadata = json_ready(entry.path, entry.metadata, "metadata")
    _check_lengths(entry.path, metadata)
    custom_metadata = json_ready(entry.path, entry.custom_metadata, "custom_metadata")
    file = entry.content.open()
    check_name(entry.path, file.name)
    media_type, kind = _media_type(file)
    picture = read_picture(file, request.options.fill_metadata) if kind.startswith("image/") else None
    if not _is_taken(kind, picture, request):
        file, picture = _converted(entry, request, file, (kind, picture))
        media_type = content_type(file.name)
    draft = DataToCreate(
        type=data_type(media_type),
        filename=file.name,
        object_name="",
        content_type=media_type,
        tags=request.tags_of(entry),
        data_source_id=request.source_of(entry),
        meta=_meta(picture, entry),
        metadata=merged(picture.metadata if picture else {}, metadata),
        custom_metadata=_with_camera(picture, custom_metadata, request),
    )
    return PreparedFile(entry, file, draft)


def _check_lengths(path: str, metadata: Mapping[str, Any]) -> None:
    """Check the caller's texts, which the platform would refuse after it has stored the bytes.

    Raises:
        UploadError: one is too long.
    """
    for key, limit in METADATA_TEXTS.items():
        text = metadata.get(key)
        if isinstance(text, str) and len(text) > limit:
            raise UploadError(
                f"{path}: metadata.{key} has {len(text):,} characters, and the platform takes {limit:,}.", path
            )


def _media_type(file: OpenFile) -> tuple[str, str]:
    """Type to announce a file as, and its kind by the first bytes.

    A large file of a storage is fetched for that only if it is a picture by its name, whose header is read anyway.
    """
    by_name = content_type(file.name)
    if file.content is None and not isinstance(file, LocalFile) and not by_name.startswith("image/"):
        return by_name, by_name
    head = file.read(0, min(SNIFF_BYTES, file.size))
    found = file_type(file.name, head)
    return found, (by_name if by_name in CAMERA_RAW else sniff(head) or found)


def _is_taken(kind: str, picture: Picture | None, request: UploadRequest) -> bool:
    """True if a file is sent as it is; what is remarkable about it is noted."""
    if not request.support.takes(_kind_within(kind, picture)):
        return False
    if request.support.is_unsure(kind):
        request.remarks.send_unsure(kind)
    if picture is not None and picture.pages > 1:
        request.remarks.see_document()
    return True


def _kind_within(kind: str, picture: Picture | None) -> str:
    # A raw file begins as a TIFF does, and only its directories tell.
    return CAMERA_RAW_TYPE if kind == TIFF and picture is not None and picture.unsupported else kind


def _converted(
    entry: Entry, request: UploadRequest, file: OpenFile, found: tuple[str, Picture | None]
) -> tuple[OpenFile, Picture | None]:
    """The file as a picture that the platform reads, if the caller asked for that.

    Raises:
        UnsupportedFileError: it is not to be converted, or cannot be.
    """
    kind, picture = _kind_within(*found), found[1]
    if request.options.unsupported != Unsupported.CONVERT or picture is None or kind in CAMERA_RAW:
        request.remarks.leave_out(kind)
        raise UnsupportedFileError(refusal(entry.path, kind), entry.path)
    # Pillow takes a moment to import, and few uploads convert.
    from datalake_ops.upload.conversion import converted

    file = converted(file)
    request.remarks.convert(kind)
    return file, read_picture(file, request.options.fill_metadata)


def _with_camera(picture: Picture | None, custom_metadata: dict[str, Any], request: UploadRequest) -> dict[str, Any]:
    found = picture.custom_metadata if picture is not None else {}
    return {**{key: value for key, value in found.items() if key in request.camera_keys}, **custom_metadata}


def _meta(picture: Picture | None, entry: Entry) -> Meta | None:
    if picture is not None and picture.width:
        return Meta(width=picture.width, height=picture.height)
    return Meta(width=entry.size[0], height=entry.size[1]) if entry.size else None
