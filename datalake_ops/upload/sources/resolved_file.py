"""File that a source stands for, or the error in its place."""

from __future__ import annotations

from dataclasses import dataclass

from datalake_ops.errors import InvalidFileError, UploadError
from datalake_ops.upload.sources.entry import Content, OpenFile, Stamp
from datalake_ops.upload.sources.manifest import Manifest
from datalake_ops.upload.sources.manifest_row import Row
from datalake_ops.upload.sources.streams import base_name


@dataclass(frozen=True)
class ResolvedFile:
    """File of a source; `path` is its name in messages and reports.

    `parts` are those of its path below its folder, `row` is its row when a manifest names it, and `origin` is the
    folder, pattern or manifest that it is of, as the caller named that; `manifest` is that manifest itself.
    """

    path: str
    content: Content
    parts: tuple[str, ...] = ()
    row: Row | None = None
    origin: str = ""
    manifest: Manifest | None = None


@dataclass(frozen=True)
class UnreadableContent:
    """Content of a place that gives no file: `open` raises the reason, so that its row in the report has it."""

    error: UploadError

    @property
    def name(self) -> str:
        """The base name."""
        return base_name(self.error.path)

    def stamp(self) -> Stamp | None:
        """Return None: there is nothing to compare."""
        return None

    def open(self) -> OpenFile:
        """Raise the error.

        Raises:
            UploadError: always.
        """
        raise self.error


class EmptySource(UnreadableContent):
    """Content of a folder or a pattern without a file to upload."""


def unreadable_file(path: str, reason: str) -> ResolvedFile:
    """Return a file that stands for a place that gives none."""
    return ResolvedFile(path, UnreadableContent(InvalidFileError(reason, path)))
