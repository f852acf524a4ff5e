"""A part of a source, small enough to travel between workers as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from datalake_ops.errors import ConfigurationError


@dataclass(frozen=True)
class FilePiece:
    """One file, by its path or address."""

    path: str


@dataclass(frozen=True)
class FolderPiece:
    """The files of a folder or a pattern from `first` to `last`, both included, by the parts of their paths in it."""

    folder: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    count: int
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class ManifestPiece:
    """So many rows of a manifest, from a position on; `position` is a byte, in Parquet a row."""

    manifest: str
    form: str
    base: str | None
    position: int
    line: int
    count: int


Piece = FilePiece | FolderPiece | ManifestPiece
_KINDS: dict[str, type[Any]] = {"path": FilePiece, "folder": FolderPiece, "manifest": ManifestPiece}
_TUPLES = ("first", "last", "include", "exclude")


@dataclass(frozen=True)
class Shard:
    """A part of a source: `files` of them, `bytes` in all where they were asked for; give it to `upload` as a source.

    It holds no secret and no metadata: storage options and what is said of the files are given again to `upload`.
    """

    pieces: tuple[Piece, ...]
    files: int
    bytes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The shard as JSON values, for an XCom or a mapped task; `upload` takes them as they are."""
        pieces = [
            {name: value for name, value in asdict(piece).items() if value not in (None, ())} for piece in self.pieces
        ]
        return {"pieces": pieces, "files": self.files, "bytes": self.bytes}

    def places(self) -> Iterator[str]:
        """The files, folders and manifests that its pieces are of."""
        for piece in self.pieces:
            if isinstance(piece, FilePiece):
                yield piece.path
            else:
                yield piece.folder if isinstance(piece, FolderPiece) else piece.manifest

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Shard:
        """The shard that `to_json` told.

        Raises:
            ConfigurationError: it is none.
        """
        try:
            return cls(tuple(map(_piece, values["pieces"])), values["files"], values.get("bytes"))
        except (KeyError, TypeError) as error:
            raise ConfigurationError(f"This is no shard of `plan_shards`: {values!r}") from error


def _piece(values: Mapping[str, Any]) -> Piece:
    kind = _KINDS[next((name for name in _KINDS if name in values), "")]
    given = {name: tuple(value) if name in _TUPLES else value for name, value in values.items()}
    piece: Piece = kind(**{"base": None, **given} if kind is ManifestPiece else given)
    return piece
