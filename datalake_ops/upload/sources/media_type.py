"""Media type of a file by its name: pure decisions, no disk and no network."""

from __future__ import annotations

import mimetypes

from datalake_ops.wire.data import DataType

# Content types that the official SDK opens to measure; for all others the platform decides.
MEASURED_TYPES = frozenset({"image/jpeg", "image/bmp", "image/gif", "image/png", "image/tiff"})
UNKNOWN_TYPE = "application/octet-stream"


def content_type(filename: str) -> str:
    """Return the content type of a file name's extension, by this machine's MIME table.

    Wire: `mimetypes.guess_type(strict=False)`, else `application/octet-stream`.
    """
    # A bare name with a colon would be read as a URL scheme; the prefix makes it a path.
    return mimetypes.guess_type(f"/{filename}", strict=False)[0] or UNKNOWN_TYPE


def data_type(content: str) -> DataType:
    """Return VIDEO for `video/*`, else IMAGE, also for unknown types: the platform decides."""
    return DataType.VIDEO if content.startswith("video/") else DataType.IMAGE
