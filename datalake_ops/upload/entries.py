"""From what the caller names to the entries of an upload, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from datalake_ops.errors import ConfigurationError
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import Entry, Size
from datalake_ops.upload.sources.folders import Broken
from datalake_ops.upload.sources.resolver import ResolvedFile, SourceResolver, broken, is_one
from datalake_ops.upload.sources.subset import Chosen, Subset

PAIR = 2
_Extras = tuple[Any, Any, Any]


class Entries:
    """The entries of an upload, made as they are asked for.

    To ask for the next one may block: a folder is listed, a manifest is read. `total` is how many there are, None
    while nobody knows.
    """

    def __init__(self, request: UploadRequest) -> None:
        given = request.filepaths
        self._only: Subset | None = None
        if isinstance(given, Subset):
            given, self._only = given.filepaths, given
        self._places = SourceResolver(request.include, request.exclude, request.storage_options)
        self._listed = _as_listed(given, request)
        self._extras = _extras(request, self._listed)
        for one in self._listed if isinstance(self._listed, Sequence) else ():
            self._places.check(one)
        self.total: int | None = self._places.count(self._listed) if self._only is None else None

    def count_ahead(self) -> None:
        """Count the files in a thread of its own, when that asks no storage, so that `total` is known soon."""
        if self.total is None and self._only is None and self._places.are_local(self._listed):
            threading.Thread(target=self._count, name="datalake-ops-count", daemon=True).start()

    def __iter__(self) -> Iterator[Entry]:
        index = 0
        chosen = Chosen(self._only) if self._only is not None else None
        for position, one in enumerate(self._listed):
            extras = self._extras(position)
            for named in self._of(one):
                if chosen is None or _is_meant(named, chosen):
                    yield _entry(index, named, extras)
                    index += 1
        for error in chosen.left() if chosen is not None else ():
            yield Entry(index, error.path, Broken(error))
            index += 1
        self.total = index

    def _count(self) -> None:
        count = 0
        for one in self._listed:
            for _ in self._places.named(one):
                count += 1
                if self.total is not None:
                    return
        self.total = count

    def _of(self, one: Any) -> Iterator[ResolvedFile]:
        try:
            # What comes from an iterator was not looked at before.
            if not isinstance(self._listed, Sequence):
                self._places.check(one)
            yield from self._places.named(one)
        # Others are on their way, so this is one more row that failed.
        except ConfigurationError as error:
            yield broken(repr(one), str(error))


def entries(request: UploadRequest) -> Entries:
    """What a request names, in input order, each with its own metadata and size; no file is touched before its turn.

    A source is a path, a folder or a pattern (their images and videos), an fsspec URL, an object storage path, an open
    binary stream, a `Manifest` or a `Shard`. What is said of a folder is said of each of its files.

    Raises:
        ConfigurationError: a list has another length than the sources, a size is no pair, a source is none, or
            something has to be installed to read it.
    """
    return Entries(request)


def held(filepaths: Any, *lists: Any) -> Any:
    """A source; what comes from an iterator is kept when there are lists with a value for each of it.

    They are in memory already, so the paths may be too.
    """
    if isinstance(filepaths, Iterator) and not is_one(filepaths):
        return list(filepaths) if any(values and not _is_for_all(values) for values in lists) else filepaths
    return filepaths


def _is_meant(named: ResolvedFile, chosen: Chosen) -> bool:
    line = named.row.line if named.row is not None else None
    return chosen.takes(named.found.path, named.origin, line, isinstance(named.found.content, Broken))


def _entry(index: int, named: ResolvedFile, extras: _Extras) -> Entry:
    metadata, custom_metadata, size = extras
    row = named.row
    if row is None:
        return Entry(index, named.found.path, named.found.content, metadata, custom_metadata, size)
    return Entry(
        index,
        named.found.path,
        named.found.content,
        _joined(metadata, row.metadata),
        _joined(custom_metadata, row.custom_metadata),
        row.size or size,
        row.tags,
        row.source,
    )


def _joined(of_all: Mapping[str, Any] | None, of_one: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return {**of_all, **of_one} if of_all and of_one else of_one or of_all


def _as_listed(given: Any, request: UploadRequest) -> Iterable[Any]:
    if is_one(given):
        return [given]
    if isinstance(given, (bytes, bytearray)) or not isinstance(given, Iterable):
        raise ConfigurationError(f"A path is a str or a Path, got {given!r}.")
    if isinstance(given, Sequence):
        return given
    listed: Iterable[Any] = held(iter(given), request.metadata, request.custom_metadata, request.sizes)
    return listed


def _extras(request: UploadRequest, listed: Iterable[Any]) -> Any:
    count = len(listed) if isinstance(listed, Sequence) else None
    metadata = _one_each("metadata", request.metadata, count, _mapping)
    custom = _one_each("custom_metadata", request.custom_metadata, count, _mapping)
    sizes = _one_each("sizes", request.sizes, count, _size)
    return lambda position: (metadata(position), custom(position), sizes(position))


def _one_each(name: str, given: Any, count: int | None, read: Any) -> Any:
    if not given:
        return lambda position: None
    if _is_for_all(given):
        value = read(given)
        return lambda position: value
    values = [read(value) for value in given]
    if len(values) != count:
        raise ConfigurationError(
            f"{name} has {len(values)} entries for {count} paths; give one per path (None where it has nothing)."
        )
    return values.__getitem__


def _is_for_all(given: Any) -> bool:
    # One mapping, or one (width, height), is for every file.
    return isinstance(given, Mapping) or (isinstance(given, tuple) and all(isinstance(side, int) for side in given))


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
