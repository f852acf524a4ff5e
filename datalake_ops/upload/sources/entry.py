"""One thing to upload: what is said of it, and its bytes, or the error that says why there are none."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from pydantic_core import PydanticSerializationError, from_json, to_json

from datalake_ops.errors import InvalidFileError, UploadError

# Files up to this are read once, whole; the product with the number of workers bounds the memory of an upload.
WHOLE_BYTES = 512 * 1024
Size = tuple[int, int]
# What a decoder that looks at the head of a large file reads at a time.
BUFFER_BYTES = 64 * 1024


class OpenFile(Protocol):
    """A file as it was when first looked at: read in any order, from any thread, as often as needed."""

    @property
    def path(self) -> str:
        """The path or address as messages and reports name it."""

    @property
    def name(self) -> str:
        """The base name: no directory, no `..`, ever reaches the platform."""

    @property
    def size(self) -> int:
        """Length in bytes, above 0."""

    @property
    def modified_ns(self) -> int | None:
        """When it was last written, in nanoseconds; None where nobody knows."""

    @property
    def content(self) -> bytes | None:
        """The whole file when it is small."""

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end`; blocks.

        Raises:
            InvalidFileError: the file changed or vanished since it was first looked at.
        """

    def check_unchanged(self) -> None:
        """See that the file is still what it was when first looked at, as far as can be told; blocks.

        Raises:
            InvalidFileError: it is not.
        """


class Content(Protocol):
    """Where the bytes of an entry come from; nothing is touched before it is opened or stamped."""

    @property
    def name(self) -> str:
        """The base name."""

    def stamp(self) -> tuple[int, int] | None:
        """Size and time of the last change (nanoseconds), to tell an unchanged file without reading it; blocks.

        None where that is not known, and when the file is not there: to open it tells why.
        """

    def open(self) -> OpenFile:
        """Look at the file, and read it if it is small; blocks.

        Raises:
            InvalidFileError: it cannot be uploaded.
        """


@dataclass(frozen=True)
class Entry:
    """One thing to upload and what is said of it; `path` is its name in messages and reports, as the caller gave it.

    `tags` and `source` are names that a manifest gives to this file alone, beside those of the whole upload.
    """

    index: int
    path: str
    content: Content
    metadata: Mapping[str, Any] | None = None
    custom_metadata: Mapping[str, Any] | None = None
    size: Size | None = None
    tags: tuple[str, ...] = ()
    source: str | None = None


def as_stream(file: OpenFile) -> BinaryIO:
    """The file as a seekable stream, for who reads only here and there."""
    if file.content is not None:
        return io.BytesIO(file.content)
    return io.BufferedReader(_Ranges(file), BUFFER_BYTES)


class _Ranges(io.RawIOBase):
    def __init__(self, file: OpenFile) -> None:
        super().__init__()
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._file.size)
        if end <= self._at:
            return 0
        piece = self._file.read(self._at, end)
        buffer[: len(piece)] = piece
        self._at = end
        return len(piece)


def json_ready(path: str, values: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    """Metadata as JSON values: dates as ISO text, identifiers as text, NaN and infinities as null.

    Raises:
        UploadError: a value has no JSON form.
    """
    try:
        ready: dict[str, Any] = from_json(to_json(dict(values or {}), inf_nan_mode="null"))
    except (PydanticSerializationError, ValueError, TypeError) as error:
        raise UploadError(f"The {name} of {path} has no JSON form: {error}", path) from error
    return ready


def is_text(name: str) -> bool:
    """Whether JSON can carry a name: bytes of a file name that are no UTF-8 become halves of characters here."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_name(path: str, name: str) -> None:
    """See that the wire can carry the name of a file.

    Raises:
        InvalidFileError: it cannot.
    """
    if not is_text(name):
        raise InvalidFileError(f"The name of {path!r} is not valid UTF-8; rename the file.", path)
