"""Entry of an upload: a file, its metadata, and access to its bytes."""

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
# Size in bytes and time of the last change in nanoseconds (0 where not known): they tell an unchanged file.
Stamp = tuple[int, int]
# Bytes that a decoder reads at a time from the head of a large file.
BUFFER_BYTES = 64 * 1024


class OpenFile(Protocol):
    """File as it was when opened: read in any order, from any thread, as often as needed."""

    @property
    def path(self) -> str:
        """The path or address in messages and reports."""

    @property
    def name(self) -> str:
        """The base name: no directory, no `..`, ever reaches the platform."""

    @property
    def size(self) -> int:
        """Length in bytes, above 0."""

    @property
    def modified_ns(self) -> int | None:
        """Time of the last change in nanoseconds; None where that is not known."""

    @property
    def content(self) -> bytes | None:
        """The whole content of a small file."""

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end`; blocks.

        Raises:
            InvalidFileError: the file changed or vanished since it was opened.
        """

    def check_unchanged(self) -> None:
        """Check that the file is unchanged since it was opened, as far as that is known; blocks.

        Raises:
            InvalidFileError: it changed or vanished.
        """


class Content(Protocol):
    """Access to the bytes of an entry; nothing is touched before `open` or `stamp`."""

    @property
    def name(self) -> str:
        """The base name."""

    def stamp(self) -> Stamp | None:
        """Return size and time of the last change, by which an unchanged file is known without reading it; blocks.

        None where that is not known, and when the file is missing: `open` raises the reason.
        """

    def open(self) -> OpenFile:
        """Open the file, and read it if it is small; blocks.

        Raises:
            InvalidFileError: it cannot be uploaded.
        """


class EntryManifest(Protocol):
    """Manifest that names an entry: itself a source, from which a retry reads it again."""

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as JSON values, for a report."""


@dataclass(frozen=True)
class Entry:
    """File to upload with its metadata; `path` is its name in messages and reports, as the caller gave it.

    `tags` and `source` are names that a manifest gives to this file alone, beside those of the whole upload; `manifest`
    is the one that names the file.
    """

    index: int
    path: str
    content: Content
    metadata: Mapping[str, Any] | None = None
    custom_metadata: Mapping[str, Any] | None = None
    size: Size | None = None
    tags: tuple[str, ...] = ()
    source: str | None = None
    manifest: EntryManifest | None = None


def as_stream(file: OpenFile) -> BinaryIO:
    """Return the file as a seekable stream, for decoders that read parts of it."""
    if file.content is not None:
        return io.BytesIO(file.content)
    return io.BufferedReader(_FileStream(file), BUFFER_BYTES)


class _FileStream(io.RawIOBase):
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
    """Return metadata as JSON values: dates as ISO text, identifiers as text, NaN and infinities as null.

    Raises:
        UploadError: a value has no JSON form.
    """
    try:
        ready: dict[str, Any] = from_json(to_json(dict(values or {}), inf_nan_mode="null"))
    except (PydanticSerializationError, ValueError, TypeError) as error:
        raise UploadError(f"The {name} of {path} has no JSON form: {error}", path) from error
    return ready


def is_text(name: str) -> bool:
    """Return True if a name is valid Unicode; bytes of a file name that are no UTF-8 are lone surrogates in Python."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_name(path: str, name: str) -> None:
    """Check that the name of a file can be sent as JSON.

    Raises:
        InvalidFileError: it cannot.
    """
    if not is_text(name):
        raise InvalidFileError(f"The name of {path!r} is not valid UTF-8; rename the file.", path)
