"""Resolver of what a caller names as a source: a path, a stream, a manifest or a shard."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from datalake_ops.errors import ConfigurationError
from datalake_ops.upload.sources.kinds.manifest_source import ManifestSource
from datalake_ops.upload.sources.kinds.path_source import ObjectPathSource, path_source
from datalake_ops.upload.sources.kinds.shard_source import ShardSource
from datalake_ops.upload.sources.kinds.source_options import SourceOptions
from datalake_ops.upload.sources.kinds.stream_source import SingleFileSource
from datalake_ops.upload.sources.manifest import Manifest
from datalake_ops.upload.sources.remote import RemotePath
from datalake_ops.upload.sources.resolved_file import ResolvedFile
from datalake_ops.upload.sources.shard import Shard, SizedPiece
from datalake_ops.upload.sources.streams import NamedStream

_LOCAL_PROTOCOLS = frozenset({"file", "local"})


class Source(Protocol):
    """Source of files; nothing is listed or opened before it is asked for."""

    @property
    def is_local(self) -> bool:
        """True for paths of this machine, which may be listed twice."""

    def check(self) -> None:
        """Check the source, as far as that needs no listing.

        Raises:
            ConfigurationError: it cannot be a source.
        """

    def count(self) -> int | None:
        """Return the number of files; None where that needs a listing."""

    def files(self) -> Iterator[ResolvedFile]:
        """Yield the files, in order; a place that gives none comes as an unreadable file. Blocks."""

    def pieces(self, sized: bool) -> Iterator[SizedPiece]:
        """Yield the files as pieces of a shard, with their sizes if `sized`; blocks.

        Raises:
            ConfigurationError: the source cannot travel to a worker.
        """


@dataclass(frozen=True)
class SourceResolver:
    """Resolver of sources: chooses the class of each once."""

    options: SourceOptions = field(default_factory=SourceOptions)

    def __post_init__(self) -> None:
        # An invalid pattern is an error before anything is listed.
        self.options.path_filter()

    @classmethod
    def of(
        cls,
        include: str | Sequence[str] | None,
        exclude: str | Sequence[str] | None,
        storage_options: Mapping[str, Any] | None,
    ) -> SourceResolver:
        """Return a resolver with these options; a pattern may be given alone."""
        return cls(SourceOptions(_patterns(include), _patterns(exclude), storage_options))

    def resolve(self, given: Any) -> Source:
        """Return the source that `given` names.

        Raises:
            ConfigurationError: it names none.
        """
        if isinstance(given, str):
            return path_source(given, self.options)
        if isinstance(given, Manifest):
            return ManifestSource(given, self.options)
        if isinstance(given, (Shard, Mapping)):
            return ShardSource(given if isinstance(given, Shard) else Shard.from_json(given), self.options)
        if isinstance(given, NamedStream):
            return SingleFileSource.of_stream(given.name, given.stream)
        at = _object_path(given)
        if isinstance(at, RemotePath):
            return ObjectPathSource(at, self.options)
        if at is not None:
            return path_source(at, self.options)
        if _is_stream(given):
            return SingleFileSource.of_stream(_stream_name(given), given)
        if _is_openable(given):
            return SingleFileSource.of_openable(given)
        return path_source(_path_text(given), self.options)

    def count(self, sources: Iterable[Any]) -> int | None:
        """Return the number of files of a list of sources; None where that needs a listing."""
        if not isinstance(sources, Sequence):
            return None
        total = 0
        for one in sources:
            if (count := self.resolve(one).count()) is None:
                return None
            total += count
        return total

    def are_local(self, sources: Iterable[Any]) -> bool:
        """Return True if a list has only paths of this machine, which may be listed twice."""
        return isinstance(sources, Sequence) and all(self.resolve(one).is_local for one in sources)


def is_source(given: Any) -> bool:
    """Return True if `given` is one source, not many."""
    single = isinstance(given, (str, os.PathLike, Manifest, NamedStream, Shard, Mapping))
    return single or _is_stream(given) or _is_openable(given)


def _patterns(given: str | Sequence[str] | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())


def _path_text(path: Any) -> str:
    try:
        text = os.fspath(path)
    except TypeError as error:
        raise ConfigurationError(f"A path is a str or a Path, got {path!r}.") from error
    if not isinstance(text, str):
        wrong = "the bytes" if isinstance(path, os.PathLike) else "bytes"
        raise ConfigurationError(f"A path is a str or a Path, got {wrong} {text!r}; use os.fsdecode.")
    return text


def _is_stream(given: Any) -> bool:
    return isinstance(given, io.IOBase) or (hasattr(given, "read") and not isinstance(given, (str, os.PathLike, type)))


def _stream_name(stream: Any) -> str:
    name = getattr(stream, "name", None)
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{stream!r} has no name; give NamedStream(name, stream).")
    return name


def _is_openable(given: Any) -> bool:
    if isinstance(given, (str, type)) or _is_plain_path(given) or _is_stream(given):
        return False
    return hasattr(given, "open") and hasattr(given, "name")


def _is_plain_path(given: Any) -> bool:
    # Before universal_pathlib 0.3 a path with a file system of its own was a `pathlib.Path` too.
    return isinstance(given, Path) and not hasattr(type(given), "fs")


def _object_path(given: Any) -> RemotePath | str | None:
    # Airflow's ObjectStoragePath and universal_pathlib's UPath: both know their file system.
    if isinstance(given, str) or _is_plain_path(given) or not hasattr(given, "open"):
        return None
    try:
        fs, path = getattr(given, "fs", None), getattr(given, "path", None)
    # The connection that it names may be missing, or lack a package.
    except Exception as error:
        raise ConfigurationError(f"{given!r} cannot be opened: {error}") from error
    if fs is None or not isinstance(path, str):
        return None
    protocol = getattr(fs, "protocol", ())
    names = {protocol} if isinstance(protocol, str) else set(protocol)
    return path if names & _LOCAL_PROTOCOLS else RemotePath(fs, path, str(given))
