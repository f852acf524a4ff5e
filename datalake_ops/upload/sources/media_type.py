"""Media type of a file by its name and its first bytes: pure decisions, no disk and no network."""

from __future__ import annotations

import mimetypes

from datalake_ops.wire.data import DataType
from datalake_ops.wire.media_types import AMBIGUOUS, ending_of, is_media, sniff, type_of_name

UNKNOWN_TYPE = "application/octet-stream"


def content_type(filename: str) -> str:
    """Return the content type of a file name's ending: by the table of images and videos, else by this machine's.

    Wire: `mimetypes.guess_type(strict=False)`, else `application/octet-stream`.
    """
    # A bare name with a colon would be read as a URL scheme; the prefix makes it a path.
    return type_of_name(filename) or mimetypes.guess_type(f"/{filename}", strict=False)[0] or UNKNOWN_TYPE


def file_type(filename: str, head: bytes) -> str:
    """Return the content type of a file: by its name, unless its first bytes say that it is of another kind.

    A video named as a picture is a video, and a picture or a video without a name that says so is one too; a `.ts`
    of other bytes is no video. A picture of one format named as another keeps the name's type, as with the SDK.
    """
    by_name, by_content = content_type(filename), sniff(head)
    if by_content is None and ending_of(filename) in AMBIGUOUS:
        return UNKNOWN_TYPE
    if by_content is None or (is_media(by_name) and data_type(by_name) is data_type(by_content)):
        return by_name
    return by_content


def data_type(content: str) -> DataType:
    """Return VIDEO for `video/*`, else IMAGE, also for unknown types: the platform decides."""
    return DataType.VIDEO if content.startswith("video/") else DataType.IMAGE
