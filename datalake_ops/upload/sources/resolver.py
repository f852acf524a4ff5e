"""What a caller may name as a source, and the files that it stands for."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datalake_ops.errors import ConfigurationError, IncompleteSourceError, InvalidFileError
from datalake_ops.upload.sources.folders import Broken, Folder, Found, LocalFolder, Range, RemoteFolder, walk
from datalake_ops.upload.sources.local import LocalContent
from datalake_ops.upload.sources.manifest import Manifest, Span, check_manifest, rows
from datalake_ops.upload.sources.manifest_row import Row
from datalake_ops.upload.sources.media_type import content_type
from datalake_ops.upload.sources.patterns import Selection, has_magic, split_at_magic
from datalake_ops.upload.sources.remote import (
    RemoteContent,
    RemotePath,
    check_address,
    is_address,
    local_path,
    remote_path,
)
from datalake_ops.upload.sources.shard import FilePiece, FolderPiece, ManifestPiece, Shard
from datalake_ops.upload.sources.streams import NamedStream, OpenableContent, StreamContent

_LOCAL_PROTOCOLS = frozenset({"file", "local"})


@dataclass(frozen=True)
class ResolvedFile:
    """A file that a source stands for, with its row when a manifest names it.

    `origin` is the folder, pattern or manifest that it is of, as it was named.
    """

    found: Found
    row: Row | None = None
    origin: str = ""


@dataclass(frozen=True)
class Tree:
    """A folder and what of it is meant; `name` is how to name both again."""

    folder: Folder
    selection: Selection
    name: str

    def files(self) -> Iterator[Found]:
        """Its files, in order; blocks.

        Raises:
            InvalidFileError: there is none.
        """
        empty = True
        for found in walk(self.folder, self.selection):
            empty = False
            yield found
        if empty:
            raise InvalidFileError(f"{self.name} holds no image or video.", self.name)

    def named(self, within: Range | None = None) -> Iterator[ResolvedFile]:
        """Its files of a range, in order, perhaps none; blocks."""
        return (ResolvedFile(found, origin=self.name) for found in walk(self.folder, self.selection, within))


@dataclass(frozen=True)
class SourceResolver:
    """Finds the files that sources stand for; nothing is listed or opened before its turn."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    # They carry secrets.
    options: Mapping[str, Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # A pattern that is none is told before anything is listed.
        self._selection(None)

    def check(self, one: Any) -> None:
        """See that a source can be one.

        Raises:
            ConfigurationError: it cannot.
        """
        if isinstance(one, str):
            if is_address(one):
                check_address(one)
        elif isinstance(one, Manifest):
            check_manifest(one, self.options)
        elif isinstance(one, (Mapping, Shard)):
            for place in (one if isinstance(one, Shard) else Shard.from_json(one)).places():
                self.check(place)
        elif not is_one(one):
            raise ConfigurationError(f"A path is a str or a Path, got {one!r}.")
        elif _object_path(one) is None and isinstance(one, os.PathLike) and not _is_openable(one):
            self.check(path_text(one))
        elif _is_stream(one):
            _stream_name(one)

    def count(self, listed: Iterable[Any]) -> int | None:
        """How many files a list of sources stands for, when that needs no reading."""
        if not isinstance(listed, Sequence):
            return None
        total = 0
        for one in listed:
            if isinstance(one, (Shard, Mapping)):
                total += one.files if isinstance(one, Shard) else one["files"]
            elif self._may_be_many(one):
                return None
            else:
                total += 1
        return total

    def are_local(self, listed: Iterable[Any]) -> bool:
        """Whether a list holds nothing but paths of this machine, which may be listed twice."""
        return isinstance(listed, Sequence) and all(
            isinstance(one, (str, Path)) and not is_address(str(one)) for one in listed
        )

    def travels(self, one: Any) -> bool:
        """Whether a source can be named to another worker."""
        return isinstance(one, (str, os.PathLike)) and not isinstance(_object_path(one), RemotePath)

    def named(self, one: Any) -> Iterator[ResolvedFile]:
        """The files of one source, in order; a place that gives none comes as a broken file."""
        if isinstance(one, Mapping):
            one = Shard.from_json(one)
        if isinstance(one, Shard):
            for piece in one.pieces:
                yield from self._of_piece(piece)
        elif isinstance(one, Manifest):
            yield from self._of_manifest(one)
        elif (tree := self.tree(one)) is not None:
            yield from _or_broken(tree.named(), tree.name, 1, of_shard=False)
        else:
            yield ResolvedFile(self.file(one))

    def tree(self, one: Any) -> Tree | None:
        """The folder or pattern that a source is; None when it is a file. May ask the disk or the storage."""
        if isinstance(one, str):
            return self._tree_of(one)
        if isinstance(one, (NamedStream, Manifest, Shard)) or _is_stream(one):
            return None
        at = _object_path(one)
        if at is None and _is_openable(one):
            return None
        return self._tree_of(at or path_text(one))

    def file(self, one: Any) -> Found:
        """The file that a source is."""
        if isinstance(one, NamedStream):
            return Found(one.name, StreamContent(one.name, one.stream))
        at = _object_path(one)
        if isinstance(at, RemotePath):
            return Found(at.label, RemoteContent(at))
        if at is None and _is_stream(one):
            return Found(_stream_name(one), StreamContent(_stream_name(one), one))
        if at is None and _is_openable(one):
            return Found(str(one), OpenableContent(str(one), one))
        text = at or path_text(one)
        if not is_address(text):
            return Found(text, LocalContent(local_path(text)))
        try:
            return Found(text, RemoteContent(remote_path(text, self.options)))
        # Nobody looked before at what a row of a manifest names.
        except (InvalidFileError, ConfigurationError) as error:
            return Found(text, Broken(InvalidFileError(str(error), text)))

    def _tree_of(self, at: str | RemotePath) -> Tree | None:
        try:
            if isinstance(at, RemotePath):
                return self._remote_tree(at)
            return self._address_tree(at) if is_address(at) else self._local_tree(local_path(at))
        except InvalidFileError:
            # Its row in the report tells, when it is opened.
            return None

    def _may_be_many(self, one: Any) -> bool:
        if isinstance(one, Manifest) or isinstance(_object_path(one), RemotePath):
            return True
        # No storage is asked for a count.
        return is_address(str(one)) or self.tree(one) is not None

    def _local_tree(self, path: str) -> Tree | None:
        # Asked for each path of a list, where `Path.is_dir` would be felt.
        if os.path.isdir(path):  # noqa: PTH112
            return Tree(LocalFolder(path), self._selection(None), path)
        if not has_magic(path) or Path(path).exists():
            return None
        folder, glob = split_at_magic(path)
        return Tree(LocalFolder(folder), self._selection(glob), path)

    def _address_tree(self, address: str) -> Tree | None:
        head, mark, rest = address.partition("::")
        # An address of the web often has a question mark that is no pattern.
        magic = "*" if head.startswith(("http://", "https://")) else "*?["
        at = remote_path(address, self.options)
        if not has_magic(head.partition("://")[2], magic):
            return self._remote_tree(at)
        if at.ask(lambda: at.fs.isfile(at.path)):
            return None
        protocol, _, path = head.partition("://")
        folder, glob = split_at_magic(path)
        root = remote_path(f"{protocol}://{folder}{mark}{rest}", self.options)
        return Tree(RemoteFolder(root), self._selection(glob), address)

    def _remote_tree(self, at: RemotePath) -> Tree | None:
        head = at.label.partition("::")[0]
        # An image's or a video's name is taken for a file's, so that such addresses cost no question.
        named = not head.endswith("/") and content_type(at.name).startswith(("image/", "video/"))
        if named or not (head.endswith("/") or at.ask(lambda: at.fs.isdir(at.path))):
            return None
        return Tree(RemoteFolder(at), self._selection(None), at.label)

    def _selection(self, glob: str | None) -> Selection:
        return Selection(self.include, self.exclude, glob)

    def _of_manifest(self, manifest: Manifest, span: Span | None = None) -> Iterator[ResolvedFile]:
        try:
            for row in rows(manifest, self.options, span):
                found = Found(row.path, Broken(row.error)) if row.error else self.file(row.path)
                yield ResolvedFile(found, row, manifest.path)
        # It was there when the upload began.
        except ConfigurationError as error:
            yield ResolvedFile(Found(manifest.path, Broken(IncompleteSourceError(str(error), manifest.path))))

    def _of_piece(self, piece: FilePiece | FolderPiece | ManifestPiece) -> Iterator[ResolvedFile]:
        if isinstance(piece, FilePiece):
            yield ResolvedFile(self.file(piece.path))
        elif isinstance(piece, ManifestPiece):
            manifest = Manifest(piece.manifest, piece.form, piece.base)
            span = Span(piece.position, piece.line, piece.count)
            of_rows = self._of_manifest(manifest, span)
            yield from _or_broken(of_rows, piece.manifest, piece.count)
        else:
            places = SourceResolver(piece.include, piece.exclude, self.options)
            tree = places.tree(piece.folder)
            if tree is None:
                gone = f"{piece.folder} was a folder, and is none any more; {piece.count} files of it were meant."
                yield ResolvedFile(Found(piece.folder, Broken(IncompleteSourceError(gone, piece.folder))))
                return
            yield from _or_broken(tree.named(Range(piece.first, piece.last)), tree.name, piece.count)


def is_one(given: Any) -> bool:
    """Whether what the caller gave is one source, not many."""
    one = isinstance(given, (str, os.PathLike, Manifest, NamedStream, Shard, Mapping))
    return one or _is_stream(given) or _is_openable(given)


def broken(path: str, reason: str) -> ResolvedFile:
    """A place that gives no file, and why."""
    return ResolvedFile(Found(path, Broken(InvalidFileError(reason, path))))


def path_text(path: Any) -> str:
    """A path as text.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        text = os.fspath(path)
    except TypeError as error:
        raise ConfigurationError(f"A path is a str or a Path, got {path!r}.") from error
    if not isinstance(text, str):
        raise ConfigurationError(f"A path is text, got the bytes {text!r}; use os.fsdecode.")
    return text


def _or_broken(
    found: Iterator[ResolvedFile], name: str, expected: int, of_shard: bool = True
) -> Iterator[ResolvedFile]:
    count = 0
    for named in found:
        count += 1
        yield named
    lost = expected - count
    gone = f"{lost} files of {name} are gone since the shard was planned."
    # Each is a row, so that they count as what they are.
    for _ in range(lost):
        yield broken(name, gone if of_shard else f"{name} holds no image or video.")


def _is_stream(one: Any) -> bool:
    return isinstance(one, io.IOBase) or (hasattr(one, "read") and not isinstance(one, (str, os.PathLike, type)))


def _stream_name(stream: Any) -> str:
    name = getattr(stream, "name", None)
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{stream!r} has no name; give NamedStream(name, stream).")
    return name


def _is_openable(one: Any) -> bool:
    if isinstance(one, (str, type)) or _is_plain_path(one) or _is_stream(one):
        return False
    return hasattr(one, "open") and hasattr(one, "name")


def _is_plain_path(one: Any) -> bool:
    # Before universal_pathlib 0.3 a path with a file system of its own was a `pathlib.Path` too.
    return isinstance(one, Path) and not hasattr(type(one), "fs")


def _object_path(one: Any) -> RemotePath | str | None:
    # Airflow's ObjectStoragePath and universal_pathlib's UPath: both know their file system.
    if isinstance(one, str) or _is_plain_path(one) or not hasattr(one, "open"):
        return None
    try:
        fs, path = getattr(one, "fs", None), getattr(one, "path", None)
    # The connection that it names may be missing, or lack a package.
    except Exception as error:
        raise ConfigurationError(f"{one!r} cannot be opened: {error}") from error
    if fs is None or not isinstance(path, str):
        return None
    protocol = getattr(fs, "protocol", ())
    names = {protocol} if isinstance(protocol, str) else set(protocol)
    return path if names & _LOCAL_PROTOCOLS else RemotePath(fs, path, str(one))
