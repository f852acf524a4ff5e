"""From what the caller names to files that can be sent, or to the error that says why not."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from datalake_ops.errors import ConfigurationError, InvalidFileError, UploadError
from datalake_ops.upload.request import FilePath, Size, UploadRequest

# Files up to this are read once, whole; the product with the number of workers bounds the memory of an upload.
WHOLE_BYTES = 512 * 1024
PAIR = 2


@dataclass(frozen=True)
class Entry:
    """One path of an upload and what is said of it; `path` is kept as the caller gave it."""

    index: int
    path: str
    metadata: Mapping[str, Any] | None = None
    custom_metadata: Mapping[str, Any] | None = None
    size: Size | None = None


@dataclass(frozen=True)
class LocalFile:
    """A file as it was when first looked at; `content` holds it whole when it is small."""

    path: str
    size: int
    modified_ns: int
    content: bytes | None = None

    @property
    def name(self) -> str:
        """The base name: no directory, no `..`, ever reaches the platform."""
        return Path(self.path).name

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end`; blocks.

        The file is opened anew for each slice, so a half-sent body leaves no handle behind.

        Raises:
            InvalidFileError: the file changed or vanished since it was first looked at.
        """
        if self.content is not None:
            return self.content[start:end]
        try:
            with Path(self.path).open("rb") as stream:
                stream.seek(start)
                piece = stream.read(end - start)
                now = os.fstat(stream.fileno())
        except OSError as error:
            raise _unreadable(self.path, error, "vanished or became unreadable while it was sent") from error
        if len(piece) != end - start or (now.st_size, now.st_mtime_ns) != (self.size, self.modified_ns):
            raise InvalidFileError(
                f"{self.path} changed while it was sent; upload it again when nothing writes to it any more.", self.path
            )
        return piece


def entries(request: UploadRequest) -> list[Entry]:
    """The paths of a request in input order, each with its own metadata and size; touches no disk.

    Raises:
        ConfigurationError: a list has another length than the paths, a size is no pair, or a path is no path.
    """
    given = request.filepaths
    paths = [_path(path) for path in ([given] if isinstance(given, (str, os.PathLike)) else given)]
    metadata = [_mapping(values) for values in _one_each("metadata", request.metadata, len(paths))]
    custom = [_mapping(values) for values in _one_each("custom_metadata", request.custom_metadata, len(paths))]
    sizes = [_size(size) for size in _one_each("sizes", request.sizes, len(paths))]
    rows = zip(paths, metadata, custom, sizes, strict=True)
    return [Entry(index, *row) for index, row in enumerate(rows)]


def open_file(path: str) -> LocalFile:
    """Look at a file, and read it if it is small; blocks.

    Raises:
        InvalidFileError: missing, not a file, empty, unreadable, or of a name that the wire cannot carry.
    """
    _check_name(path)
    try:
        # A pipe would block at open, so the kind is asked first.
        if not stat.S_ISREG((found := Path(path).stat()).st_mode):
            kind = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
            raise InvalidFileError(f"{path} is {kind}; give the path of a file.", path)
        with Path(path).open("rb") as stream:
            now = os.fstat(stream.fileno())
            content = stream.read(WHOLE_BYTES + 1) if now.st_size <= WHOLE_BYTES else None
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidFileError):
            raise
        missing = isinstance(error, FileNotFoundError)
        raise _unreadable(path, error, "does not exist" if missing else "cannot be read") from error
    if content is not None and len(content) > WHOLE_BYTES:
        raise InvalidFileError(f"{path} grew while it was read; upload it again when nothing writes to it.", path)
    if content == b"":
        raise InvalidFileError(f"{path} is empty; there is nothing to upload.", path)
    return LocalFile(path, len(content) if content is not None else now.st_size, now.st_mtime_ns, content)


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


def _path(path: FilePath) -> str:
    try:
        text = os.fspath(path)
    except TypeError as error:
        raise ConfigurationError(f"A path is a str or a Path, got {path!r}.") from error
    if not isinstance(text, str):
        raise ConfigurationError(f"A path is text, got the bytes {text!r}; use os.fsdecode.")
    return text


def _one_each(name: str, given: Any, count: int) -> Sequence[Any]:
    if not given:
        return [None] * count
    # One mapping, or one (width, height), is for every file.
    if isinstance(given, Mapping) or (isinstance(given, tuple) and all(isinstance(side, int) for side in given)):
        return [given] * count
    values = list(given)
    if len(values) != count:
        raise ConfigurationError(
            f"{name} has {len(values)} entries for {count} paths; give one per path (None where it has nothing)."
        )
    return values


def _mapping(values: Any) -> Mapping[str, Any] | None:
    if values is None or isinstance(values, Mapping):
        return values
    raise ConfigurationError(f"Metadata of a file is a mapping of keys to values, got {values!r}.")


def _size(size: Any) -> Size | None:
    if size is None:
        return None
    if (
        not isinstance(size, Sequence)
        or len(size) != PAIR
        or not all(isinstance(side, int) and side > 0 for side in size)
    ):
        raise ConfigurationError(f"A size is a pair (width, height) of pixels above 0, got {size!r}.")
    return (size[0], size[1])


def _check_name(path: str) -> None:
    try:
        Path(path).name.encode()
    except UnicodeEncodeError as error:
        raise InvalidFileError(f"The name of {path!r} is not valid UTF-8; rename the file.", path) from error


def _unreadable(path: str, error: Exception, what: str) -> InvalidFileError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InvalidFileError(f"{path} {what} ({reason}).", path)
