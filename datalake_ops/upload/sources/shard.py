"""Shard of a source: a part of its files, as a small JSON value that travels between workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from datalake_ops.errors import ConfigurationError
from datalake_ops.upload.sources.entry import Content


@dataclass(frozen=True)
class FilePiece:
    """File, by its path or address."""

    path: str


@dataclass(frozen=True)
class FolderPiece:
    """Files of a folder or a pattern from `first` to `last`, both included, by the parts of their paths in it."""

    folder: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    count: int
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class ManifestPiece:
    """Rows of a manifest: `count` of them, from a position on; `position` is a byte, in Parquet a row."""

    manifest: str
    form: str
    base: str | None
    position: int
    line: int
    count: int
    allow: tuple[str, ...] = ()
    foreign: bool = False


Piece = FilePiece | FolderPiece | ManifestPiece


@dataclass(frozen=True)
class SizedPiece:
    """Piece of one file, and its size in bytes; 0 where sizes were not asked for, and for a missing file."""

    piece: Piece
    bytes: int


_KINDS: dict[str, type[Any]] = {"path": FilePiece, "folder": FolderPiece, "manifest": ManifestPiece}
_TUPLES = ("first", "last", "include", "exclude", "allow")


@dataclass(frozen=True)
class Shard:
    """Shard of a source: `files` of them, with `bytes` in all where sizes were asked for; a source of `upload`.

    It holds no secret and no metadata: storage options and metadata are given again to `upload`. `passed_over` counts
    by ending the files of the whole source that are neither images nor videos; the first shard of a plan has them.
    """

    pieces: tuple[Piece, ...]
    files: int
    bytes: int | None = None
    passed_over: tuple[tuple[str, int], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the shard as JSON values, for an XCom or a mapped task; `upload` takes them as they are."""
        pieces = [
            {name: value for name, value in asdict(piece).items() if value not in (None, ()) and value is not False}
            for piece in self.pieces
        ]
        values = {"pieces": pieces, "files": self.files, "bytes": self.bytes}
        return {**values, "passed_over": dict(self.passed_over)} if self.passed_over else values

    def locations(self) -> Iterator[str]:
        """Yield the files, folders and manifests of the pieces."""
        for piece in self.pieces:
            if isinstance(piece, FilePiece):
                yield piece.path
            else:
                yield piece.folder if isinstance(piece, FolderPiece) else piece.manifest

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Shard:
        """Return the shard of a `to_json` value.

        Raises:
            ConfigurationError: the value is none.
        """
        try:
            passed_over = tuple(values.get("passed_over", {}).items())
            return cls(tuple(map(_piece, values["pieces"])), values["files"], values.get("bytes"), passed_over)
        except (AttributeError, KeyError, TypeError) as error:
            raise ConfigurationError(f"This is no shard of `plan_shards`: {values!r}") from error


def size_of(content: Content) -> int:
    """Return the size of a file in bytes, by its listing or the disk; 0 when it is missing. Blocks."""
    stamp = content.stamp()
    return stamp[0] if stamp else 0


def _piece(values: Mapping[str, Any]) -> Piece:
    kind = _KINDS[next((name for name in _KINDS if name in values), "")]
    given = {name: tuple(value) if name in _TUPLES else value for name, value in values.items()}
    piece: Piece = kind(**{"base": None, **given} if kind is ManifestPiece else given)
    return piece
