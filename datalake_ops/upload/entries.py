"""From what the caller names to the entries of an upload, one at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from datalake_ops.errors import ConfigurationError
from datalake_ops.upload.request import FilePath, UploadRequest
from datalake_ops.upload.source import Entry, LocalContent, Size

PAIR = 2


class Entries:
    """The entries of an upload, made as they are asked for; may be gone through again.

    To ask for the next one may block: a folder is listed, a manifest is read. `total` is how many there are, None
    while nobody knows.
    """

    def __init__(self, paths: Sequence[str], rows: Sequence[tuple[Any, Any, Any]]) -> None:
        self._paths = paths
        self._rows = rows
        self.total: int | None = len(paths)

    def __iter__(self) -> Iterator[Entry]:
        for index, (path, row) in enumerate(zip(self._paths, self._rows, strict=True)):
            yield Entry(index, path, LocalContent(path), *row)


def entries(request: UploadRequest) -> Entries:
    """The paths of a request in input order, each with its own metadata and size; touches no disk.

    Raises:
        ConfigurationError: a list has another length than the paths, a size is no pair, or a path is no path.
    """
    given = request.filepaths
    paths = [_path(path) for path in ([given] if isinstance(given, (str, os.PathLike)) else given)]
    metadata = [_mapping(values) for values in _one_each("metadata", request.metadata, len(paths))]
    custom = [_mapping(values) for values in _one_each("custom_metadata", request.custom_metadata, len(paths))]
    sizes = [_size(size) for size in _one_each("sizes", request.sizes, len(paths))]
    return Entries(paths, list(zip(metadata, custom, sizes, strict=True)))


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
