"""Media types of the platform's objects, by the extension of a name and by the first bytes of the content."""

from __future__ import annotations

from datalake_ops.pictures.formats import readable_types as readable_pictures
from datalake_ops.pictures.formats import unsupported_reason
from datalake_ops.pictures.video import VIDEOS
from datalake_ops.wire.media_types import AMBIGUOUS, ending_of, sniff, type_of_name

OTHER_TYPES = {".json": "application/json", ".txt": "text/plain; charset=utf-8", ".log": "text/plain; charset=utf-8"}
UNKNOWN = "application/octet-stream"
EMPTY = "the file is empty"
NEITHER = "the content is neither an image nor a video of a known kind"


def readable_types() -> frozenset[str]:
    """Types of the pictures and videos that this installation reads, which it announces in its ping."""
    return readable_pictures() | VIDEOS


def known_type(name: str) -> str | None:
    """Content type of a name whose extension is that of an image or a video that is read here, else None."""
    kind = type_of_name(name)
    return kind if kind in readable_types() else None


def content_type(name: str, head: bytes) -> str:
    """Content type to serve an object as: by its first bytes, else by its extension."""
    return sniff(head) or type_of_name(name) or OTHER_TYPES.get(ending_of(name)) or UNKNOWN


def refusal_reason(name: str, head: bytes) -> str | None:
    """Reason that neither the name nor the first SNIFF_BYTES are those of a picture or video that is read here.

    None for a file that may be one; only a probe tells whether it is whole.
    """
    if not head:
        return EMPTY
    kind = sniff(head) or (None if ending_of(name) in AMBIGUOUS else type_of_name(name))
    if kind is None:
        return NEITHER
    return None if kind in readable_types() else unsupported_reason(kind)
