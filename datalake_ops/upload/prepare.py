"""Preparation of a file in a worker thread: opens it, measures it, and drafts its registration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import Entry, OpenFile, check_name, json_ready
from datalake_ops.upload.sources.image_metadata import Picture, merged, read_picture
from datalake_ops.upload.sources.media_type import MEASURED_TYPES, content_type, data_type
from datalake_ops.wire.data import DataToCreate, Meta


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
    custom_metadata = json_ready(entry.path, entry.custom_metadata, "custom_metadata")
    file = entry.content.open()
    check_name(entry.path, file.name)
    media_type = content_type(file.name)
    picture = read_picture(file, request.options.fill_metadata) if media_type in MEASURED_TYPES else None
    draft = DataToCreate(
        type=data_type(media_type),
        filename=file.name,
        object_name="",
        content_type=media_type,
        tags=request.tags_of(entry),
        data_source_id=request.source_of(entry),
        meta=_meta(picture, entry),
        metadata=merged(picture.metadata if picture else {}, metadata),
        custom_metadata=custom_metadata,
    )
    return PreparedFile(entry, file, draft)


def _meta(picture: Picture | None, entry: Entry) -> Meta | None:
    if picture is not None:
        return Meta(width=picture.width, height=picture.height)
    return Meta(width=entry.size[0], height=entry.size[1]) if entry.size else None
