"""Source that is a shard: the files of its pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from datalake_ops.errors import ConfigurationError, IncompleteSourceError
from datalake_ops.upload.sources.folders import WalkRange
from datalake_ops.upload.sources.kinds.manifest_source import ManifestSource
from datalake_ops.upload.sources.kinds.path_source import path_file, path_source
from datalake_ops.upload.sources.kinds.source_options import SourceOptions
from datalake_ops.upload.sources.manifest import Manifest, Span
from datalake_ops.upload.sources.resolved_file import ResolvedFile, UnreadableContent, unreadable_file
from datalake_ops.upload.sources.shard import FilePiece, FolderPiece, ManifestPiece, Piece, Shard, SizedPiece


@dataclass(frozen=True)
class ShardSource:
    """Files, folder slices and manifest spans of a shard."""

    shard: Shard
    options: SourceOptions
    is_local = False

    def check(self) -> None:
        """Check each path of the shard.

        Raises:
            ConfigurationError: something has to be installed first.
        """
        for location in self.shard.locations():
            path_source(location, self.options).check()

    def count(self) -> int | None:
        """Return the number of files that the shard was planned with."""
        return self.shard.files

    def files(self) -> Iterator[ResolvedFile]:
        """Yield the files; one that is gone since the plan comes as an unreadable file. Blocks."""
        if self.options.on_passed_over is not None:
            for ending, count in self.shard.passed_over:
                self.options.on_passed_over(f"x{ending}", count)
        for piece in self.shard.pieces:
            yield from self._files_of(piece)

    def pieces(self, sized: bool) -> Iterator[SizedPiece]:
        """Refuse: a shard is not planned again.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError("A shard is not parted again; plan the whole source with smaller limits.")

    def _files_of(self, piece: Piece) -> Iterator[ResolvedFile]:
        if isinstance(piece, FilePiece):
            yield path_file(piece.path, self.options.storage)
        elif isinstance(piece, ManifestPiece):
            manifest = Manifest(piece.manifest, piece.form, piece.base, piece.allow, piece.foreign)
            span = Span(piece.position, piece.line, piece.count)
            files = ManifestSource(manifest, self.options, span).files()
            for file in _with_missing(files, piece.manifest, piece.count):
                yield replace(file, manifest=manifest)
        else:
            yield from self._files_of_folder(piece)

    def _files_of_folder(self, piece: FolderPiece) -> Iterator[ResolvedFile]:
        options = replace(self.options, include=piece.include, exclude=piece.exclude)
        tree = path_source(piece.folder, options).tree()
        if tree is None:
            reason = f"{piece.folder} was a folder, and is none any more; {piece.count} files of it were meant."
            yield ResolvedFile(piece.folder, UnreadableContent(IncompleteSourceError(reason, piece.folder)))
            return
        yield from _with_missing(tree.files(WalkRange(piece.first, piece.last)), tree.name, piece.count)


def _with_missing(files: Iterator[ResolvedFile], name: str, expected: int) -> Iterator[ResolvedFile]:
    count = 0
    for file in files:
        count += 1
        yield file
    missing = expected - count
    # One row for each, so that the counts of the report are right.
    for _ in range(missing):
        yield unreadable_file(name, f"{missing} files of {name} are gone since the shard was planned.")
