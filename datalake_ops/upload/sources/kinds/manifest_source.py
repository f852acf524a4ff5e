"""Source that is a manifest: the files that its rows name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from datalake_ops.errors import ConfigurationError, IncompleteSourceError
from datalake_ops.upload.sources.kinds.path_source import path_file
from datalake_ops.upload.sources.kinds.source_options import SourceOptions
from datalake_ops.upload.sources.manifest import Manifest, Span, check_manifest, rows
from datalake_ops.upload.sources.resolved_file import ResolvedFile, UnreadableContent
from datalake_ops.upload.sources.shard import ManifestPiece, SizedPiece, size_of


@dataclass(frozen=True)
class ManifestSource:
    """Rows of a manifest, or a span of them."""

    manifest: Manifest
    options: SourceOptions
    span: Span | None = None
    is_local = False

    def check(self) -> None:
        """Check that the manifest can be opened and has its columns.

        Raises:
            ConfigurationError: it cannot be read.
        """
        check_manifest(self.manifest, self.options.storage)

    def count(self) -> int | None:
        """Return None: the manifest is read only once."""
        return None

    def files(self) -> Iterator[ResolvedFile]:
        """Yield a file for each row; blocks."""
        manifest = self.manifest
        try:
            for row in rows(manifest, self.options.storage, self.span):
                if row.error is not None:
                    file = ResolvedFile(row.path, UnreadableContent(row.error))
                else:
                    file = path_file(row.path, self.options.storage, manifest.scope)
                yield replace(file, row=row, origin=manifest.path, manifest=manifest)
        # It could be read when the upload began.
        except ConfigurationError as error:
            lost = IncompleteSourceError(str(error), manifest.path)
            yield ResolvedFile(manifest.path, UnreadableContent(lost), manifest=manifest)

    def pieces(self, sized: bool) -> Iterator[SizedPiece]:
        """Yield the rows as pieces of a shard; blocks."""
        manifest, form = self.manifest, str(self.manifest.format)
        for row in rows(manifest, self.options.storage):
            needs_size = sized and row.error is None
            size = size_of(path_file(row.path, self.options.storage, manifest.scope).content) if needs_size else 0
            piece = ManifestPiece(manifest.path, form, manifest.base, row.position, row.line, 1)
            yield SizedPiece(replace(piece, allow=tuple(manifest.allow), foreign=manifest.foreign), size)
