"""Media types, by the extension of a name and by the first bytes of the content."""

from __future__ import annotations

from datalake_ops.platform.objects.names import extension_of

# Own table: the system's mimetypes differ from machine to machine.
CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jpe": "image/jpeg",
    ".jfif": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".avi": "video/x-msvideo",
}
OTHER_TYPES = {".json": "application/json", ".txt": "text/plain; charset=utf-8", ".log": "text/plain; charset=utf-8"}
UNKNOWN = "application/octet-stream"
SNIFF_BYTES = 16


def known_type(name: str) -> str | None:
    """Content type of a name with an extension of an image or a video, else None."""
    return CONTENT_TYPES.get(extension_of(name))


def content_type(name: str, head: bytes) -> str:
    """Content type to serve an object as: by its first bytes, else by its extension."""
    extension = extension_of(name)
    return sniff(head) or CONTENT_TYPES.get(extension) or OTHER_TYPES.get(extension) or UNKNOWN


def sniff(head: bytes) -> str | None:
    """Content type by the first bytes (16 are enough), None if they match no known signature."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return "video/quicktime" if head[8:10] == b"qt" else _still_or_video(head[8:12])
    # QuickTime files of before 2001 have no `ftyp`.
    return "video/quicktime" if head[4:8] in (b"moov", b"mdat", b"wide") else None


def _still_or_video(brand: bytes) -> str:
    return _ISO_STILLS.get(brand, "video/mp4")


_STARTS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),
    (b"MM\x00+", "image/tiff"),
)
_RIFF = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_ISO_STILLS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
}
