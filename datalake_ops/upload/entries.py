"""Entries of an upload, one at a time, from the sources that the caller named."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from datalake_ops.errors import ConfigurationError, NoDataError
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import Entry, Size
from datalake_ops.upload.sources.resolved_file import EmptySource, ResolvedFile, UnreadableContent, unreadable_file
from datalake_ops.upload.sources.resolver import SourceResolver, is_source
from datalake_ops.upload.sources.subset import Subset, SubsetFilter

_PAIR = 2
# Enough in an error to see what is empty.
_NAMED = 5
_Extras = tuple[Any, Any, Any]


class Entries:
    """Entries of a request, in input order, each with its own metadata and size; made as they are needed.

    A source is a path, a folder or a pattern (their images and videos), an fsspec URL, an object storage path, an open
    binary stream, a `Manifest` or a `Shard`. Metadata of a folder are those of each of its files. The next entry may
    block: a folder is listed, a manifest is read. `total` is their number, None while it is not known.

    Raises:
        ConfigurationError: a list has another length than the sources, a size is no pair, a source is none, or
            something has to be installed to read it.
    """

    def __init__(self, request: UploadRequest) -> None:
        given, options = request.filepaths, request.options
        self._subset: Subset | None = None
        if isinstance(given, Subset):
            given, self._subset = given.filepaths, given
        # The files are counted ahead by a resolver of its own, which remarks nothing.
        self._counter = SourceResolver.of(options.include, options.exclude, options.storage_options)
        remarking = replace(self._counter.options, on_passed_over=request.remarks.pass_over)
        self._resolver = SourceResolver(remarking)
        self._sources = _as_iterable(given, request)
        self._extras = _extras(request, self._sources)
        for one in self._sources if isinstance(self._sources, Sequence) else ():
            self._resolver.resolve(one).check()
        self.total: int | None = self._resolver.count(self._sources) if self._subset is None else None
        self._begun: Iterator[Entry] | None = None

    def count_ahead(self) -> None:
        """Count the files in a thread of its own, if that asks no storage, so that `total` is known soon."""
        if self.total is None and self._subset is None and self._resolver.are_local(self._sources):
            threading.Thread(target=self._count, name="datalake-ops-count", daemon=True).start()

    def __iter__(self) -> Iterator[Entry]:
        begun, self._begun = self._begun, None
        return self._entries() if begun is None else begun

    def require_files(self) -> None:
        """Refuse sources without a file, reading them up to the first one; a retry of some files may find none.

        Raises:
            NoDataError: every source is a folder or a pattern without a file, a manifest without a row, or there is
                none.
        """
        if self._subset is not None:
            return
        entries, seen = self._entries(), list[Entry]()
        for entry in entries:
            seen.append(entry)
            if not isinstance(entry.content, EmptySource):
                self._begun = chain(seen, entries)
                return
        empty = [str(one.content.error) for one in seen[:_NAMED] if isinstance(one.content, EmptySource)]
        raise NoDataError(" ".join(empty) or "The source has no file: there is nothing to upload.")

    def _entries(self) -> Iterator[Entry]:
        index = 0
        chosen = SubsetFilter(self._subset) if self._subset is not None else None
        for position, one in enumerate(self._sources):
            extras = self._extras(position)
            for file in self._files(one):
                if chosen is None or _is_chosen(file, chosen):
                    yield _entry(index, file, extras)
                    index += 1
        for error in chosen.missing() if chosen is not None else ():
            yield Entry(index, error.path, UnreadableContent(error))
            index += 1
        self.total = index

    def _count(self) -> None:
        count = 0
        for one in self._sources:
            for _ in self._counter.resolve(one).files():
                count += 1
                if self.total is not None:
                    return
        self.total = count

    def _files(self, one: Any) -> Iterator[ResolvedFile]:
        try:
            source = self._resolver.resolve(one)
            # What comes from an iterator was not checked before.
            if not isinstance(self._sources, Sequence):
                source.check()
            yield from source.files()
        # Others are being sent already, so this is one more row that failed.
        except ConfigurationError as error:
            yield unreadable_file(repr(one), str(error))


def as_reusable(filepaths: Any, *lists: Any) -> Any:
    """Return the sources; an iterator becomes a list when there are lists with one value per source.

    Those are in memory already, so the paths may be too.
    """
    if isinstance(filepaths, Iterator) and not is_source(filepaths):
        return list(filepaths) if any(values and not _is_for_all(values) for values in lists) else filepaths
    return filepaths


def _is_chosen(file: ResolvedFile, chosen: SubsetFilter) -> bool:
    line = file.row.line if file.row is not None else None
    return chosen.includes(file.path, file.origin, line, isinstance(file.content, UnreadableContent))


def _entry(index: int, file: ResolvedFile, extras: _Extras) -> Entry:
    metadata, custom_metadata, size = extras
    row = file.row
    if row is None:
        return Entry(index, file.path, file.content, metadata, custom_metadata, size, manifest=file.manifest)
    return Entry(
        index,
        file.path,
        file.content,
        _joined(metadata, row.metadata),
        _joined(custom_metadata, row.custom_metadata),
        row.size or size,
        row.tags,
        row.source,
        file.manifest,
    )


def _joined(of_all: Mapping[str, Any] | None, of_one: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return {**of_all, **of_one} if of_all and of_one else of_one or of_all


def _as_iterable(given: Any, request: UploadRequest) -> Iterable[Any]:
    if is_source(given):
        return [given]
    if isinstance(given, (bytes, bytearray)) or not isinstance(given, Iterable):
        raise ConfigurationError(f"A path is a str or a Path, got {given!r}.")
    if isinstance(given, Sequence):
        return given
    sources: Iterable[Any] = as_reusable(iter(given), *request.options.lists)
    return sources


def _extras(request: UploadRequest, sources: Iterable[Any]) -> Any:
    count, options = len(sources) if isinstance(sources, Sequence) else None, request.options
    metadata = _one_each("metadata", options.metadata, count, _mapping)
    custom = _one_each("custom_metadata", options.custom_metadata, count, _mapping)
    sizes = _one_each("sizes", options.sizes, count, _size)
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
        or len(size) != _PAIR
        or not all(isinstance(side, int) and side > 0 for side in size)
    ):
        raise ConfigurationError(f"A size is a pair (width, height) of pixels above 0, got {size!r}.")
    return (size[0], size[1])
