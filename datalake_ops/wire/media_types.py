"""Media types of images and videos, by the ending of a name and by the first bytes: one table for client and platform.

The system's own tables differ from machine to machine, and know neither a phone's nor a camcorder's files.
"""

from __future__ import annotations

from collections.abc import Mapping

# Bytes that tell every type: two packets of a transport stream, each behind a time code.
SNIFF_BYTES = 2 * 192 + 8
JPEG, PNG, GIF, BMP, TIFF, WEBP = (f"image/{kind}" for kind in ("jpeg", "png", "gif", "bmp", "tiff", "webp"))
AVIF, HEIC, HEIF, JXL = (f"image/{kind}" for kind in ("avif", "heic", "heif", "jxl"))
JPEG_2000 = frozenset({"image/jp2", "image/jpx", "image/j2c"})
TRANSPORT_STREAM = "video/mp2t"
# Package extras by the types that they add to a reader.
EXTRAS = {HEIC: "heic", HEIF: "heic", JXL: "jxl"}

_CAMERA_RAW = {
    ".dng": "image/x-adobe-dng",
    ".cr2": "image/x-canon-cr2",
    ".cr3": "image/x-canon-cr3",
    ".nef": "image/x-nikon-nef",
    ".nrw": "image/x-nikon-nrw",
    ".arw": "image/x-sony-arw",
    ".orf": "image/x-olympus-orf",
    ".rw2": "image/x-panasonic-rw2",
    ".raf": "image/x-fuji-raf",
    ".pef": "image/x-pentax-pef",
    ".srw": "image/x-samsung-srw",
}
CAMERA_RAW = frozenset(_CAMERA_RAW.values())
# Type of a raw file that only its directories tell from a TIFF: most makers' are like Adobe's.
CAMERA_RAW_TYPE = _CAMERA_RAW[".dng"]
_BY_ENDING = {
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".jpe": JPEG,
    ".jfif": JPEG,
    # Several JPEGs in one file, the first of which is the picture.
    ".mpo": JPEG,
    ".png": PNG,
    ".apng": PNG,
    ".webp": WEBP,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".bmp": BMP,
    ".gif": GIF,
    ".avif": AVIF,
    ".heic": HEIC,
    ".heif": HEIF,
    ".hif": HEIF,
    ".jxl": JXL,
    ".jp2": "image/jp2",
    ".jpx": "image/jpx",
    ".jpf": "image/jpx",
    ".j2k": "image/j2c",
    ".j2c": "image/j2c",
    ".jpc": "image/j2c",
    **_CAMERA_RAW,
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".insv": "video/mp4",
    ".mov": "video/quicktime",
    ".avi": "video/x-msvideo",
    ".3gp": "video/3gpp",
    ".3g2": "video/3gpp2",
    ".mts": TRANSPORT_STREAM,
    ".m2ts": TRANSPORT_STREAM,
    ".ts": TRANSPORT_STREAM,
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".mpg": "video/mpeg",
    ".mpeg": "video/mpeg",
    ".wmv": "video/x-ms-wmv",
    ".flv": "video/x-flv",
    ".ogv": "video/ogg",
}
# Endings that programs and pictures share: such a file is a video only if its first bytes say so.
AMBIGUOUS = frozenset({".ts", ".mts"})
_ENDING_CHARS = 16


def ending_of(name: str) -> str:
    """Return the ending of a name in lower case with its dot, an empty text if it has no plain one."""
    # Without pathlib, which takes five times as long: an import calls this for every name.
    stem, _, ending = name.replace("\\", "/").rpartition("/")[2].rpartition(".")
    harmless = ending.isascii() and ending.isalnum() and len(ending) < _ENDING_CHARS
    return f".{ending.lower()}" if stem and harmless else ""


def type_of_name(name: str) -> str | None:
    """Return the type of an image's or a video's name; None for any other ending."""
    return _BY_ENDING.get(ending_of(name))


def passed_over_text(counts: Mapping[str, int]) -> str:
    """Return counts by ending as text, the most frequent first, each with the extra that would read it."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count:,} {ending or 'without an ending'}{_help_with(ending)}" for ending, count in ordered)


def pages_text(pages: int) -> str | None:
    """Return the sentence on a document of several pages; None for any other picture."""
    return f"a document of {pages:,} pages, of which the lake shows the first" if pages > 1 else None


def _help_with(ending: str) -> str:
    extra = EXTRAS.get(_BY_ENDING.get(ending, ""))
    return f" (read with the extra {extra})" if extra else ""


def is_media(content_type: str) -> bool:
    """Return True for the type of an image or a video."""
    return content_type.startswith(("image/", "video/"))


def sniff(head: bytes) -> str | None:
    """Return the type by the first SNIFF_BYTES of a content; None if they match no known signature."""
    if head[:4] in (b"II*\0", b"MM\0*") and head[8:10] == b"CR":
        return _CAMERA_RAW[".cr2"]
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _type_of_brands(head)
    if is_transport_stream(head):
        return TRANSPORT_STREAM
    # QuickTime files of before 2001 have no `ftyp`.
    return "video/quicktime" if head[4:8] in (b"moov", b"mdat", b"wide") else None


def is_transport_stream(head: bytes) -> bool:
    """Return True if packets of 188 bytes begin with the sync byte, or of 192 behind a time code (ISO/IEC 13818-1)."""
    return any(head[at : at + 1] == head[at + size : at + size + 1] == b"\x47" for at, size in ((0, 188), (4, 192)))


def _type_of_brands(head: bytes) -> str:
    """Type by the major brand, or by the compatible ones where the major says only "image" (ISO/IEC 23008-12)."""
    major = head[8:12]
    if major in _ISO_IMAGES:
        end = min(int.from_bytes(head[:4], "big"), len(head))
        brands = [head[at : at + 4] for at in range(16, end, 4)]
        return next((_ISO_STILLS[brand] for brand in brands if brand in _ISO_STILLS), HEIF)
    if major in _ISO_STILLS:
        return _ISO_STILLS[major]
    if major == b"crx ":
        return _CAMERA_RAW[".cr3"]
    return _ISO_VIDEOS.get(major[:2] if major[:2] == b"qt" else major[:3], "video/mp4")


_STARTS = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"\xff\x0a", JXL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", JXL),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/j2c"),
    (b"IIRO", "image/x-olympus-orf"),
    (b"IIRS", "image/x-olympus-orf"),
    (b"MMOR", "image/x-olympus-orf"),
    (b"IIU\0", "image/x-panasonic-rw2"),
    (b"FUJIFILMCCD-RAW", "image/x-fuji-raf"),
)
_RIFF = {b"WEBP": WEBP, b"AVI ": "video/x-msvideo"}
_ISO_STILLS = {
    b"avif": AVIF,
    b"avis": AVIF,
    b"heic": HEIC,
    b"heix": HEIC,
    b"heim": HEIC,
    b"heis": HEIC,
    b"hevc": HEIC,
    b"hevx": HEIC,
    b"hevm": HEIC,
    b"hevs": HEIC,
}
# Major brands that say only "image", or name a coding that has no type of its own here.
_ISO_IMAGES = frozenset({b"mif1", b"mif2", b"msf1", b"heif", b"miaf", b"MiHE", b"avci", b"avcs"})
_ISO_VIDEOS = {b"qt": "video/quicktime", b"3gp": "video/3gpp", b"3gr": "video/3gpp", b"3g2": "video/3gpp2"}
