"""What a file is and in which pieces it travels: pure decisions, no disk and no network."""

from __future__ import annotations

import mimetypes

from datalake_ops.wire.data import DataType

# Content types that the official SDK opens to measure; for all others the platform decides.
MEASURED_TYPES = frozenset({"image/jpeg", "image/bmp", "image/gif", "image/png", "image/tiff"})
UNKNOWN_TYPE = "application/octet-stream"


def content_type(filename: str) -> str:
    """The content type told by the file name's extension, as this machine's MIME table knows it.

    Wire: `mimetypes.guess_type(strict=False)`, else `application/octet-stream`.
    """
    # A bare name with a colon would be read as a URL scheme; the prefix makes it a path.
    return mimetypes.guess_type(f"/{filename}", strict=False)[0] or UNKNOWN_TYPE


def data_type(content: str) -> DataType:
    """VIDEO for `video/*`, else IMAGE, also for what nobody knows: the platform has the last word."""
    return DataType.VIDEO if content.startswith("video/") else DataType.IMAGE
