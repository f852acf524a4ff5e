"""Support of the platform for a file's type: the decision to send, leave out, refuse or convert it."""

from __future__ import annotations

from dataclasses import dataclass

from datalake_ops.upload.options import Unsupported
from datalake_ops.wire.media_types import CAMERA_RAW, EXTRAS

# Types that the hosted platform's pages and the official SDK name; it announces none.
DOCUMENTED_TYPES = frozenset(
    "image/jpeg image/png image/tiff image/bmp image/webp image/gif video/mp4 video/x-msvideo video/quicktime".split()
)


@dataclass(frozen=True)
class TypeSupport:
    """Types that a platform reads, as it announces them (empty where it does not), and what becomes of other files."""

    announced: frozenset[str] = frozenset()
    unsupported: Unsupported | str = Unsupported.FAIL

    def takes(self, content_type: str) -> bool:
        """Return True if a file of this type is to be sent as it is.

        Where nothing is announced the platform decides, unless the caller asked to leave out or convert other files.
        """
        if self.announced:
            return content_type in self.announced
        return self.unsupported == Unsupported.FAIL or content_type in DOCUMENTED_TYPES

    def is_unsure(self, content_type: str) -> bool:
        """Return True if nobody knows whether the platform reads this type."""
        return not self.announced and content_type not in DOCUMENTED_TYPES


def refusal(path: str, content_type: str) -> str:
    """Return the sentence on a file that the platform does not read, with what to do about it."""
    if content_type in CAMERA_RAW:
        return f"{path} is a camera raw file, which the platform does not read; develop it into a picture first."
    said = f"{path} is of the type {content_type}, which the platform does not read"
    if extra := EXTRAS.get(content_type):
        return f"{said}: pip install 'datalake-ops[{extra}]' where it runs, or upload with unsupported=\"convert\"."
    if content_type.startswith("image/"):
        return f'{said}: upload with unsupported="convert", or leave it out.'
    return f"{said}: convert it, or leave it out."
