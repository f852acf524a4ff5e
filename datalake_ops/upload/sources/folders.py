"""The files below a folder, of this machine or of a storage, one at a time and always in the same order."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from datalake_ops.errors import IncompleteSourceError, InvalidFileError, UploadError
from datalake_ops.upload.sources.entry import Content, OpenFile
from datalake_ops.upload.sources.local import LocalContent
from datalake_ops.upload.sources.patterns import Selection
from datalake_ops.upload.sources.remote import KEPT, RemoteContent, RemotePath
from datalake_ops.upload.sources.streams import base_name, unreadable

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A file that a source stands for."""

    path: str
    content: Content
    parts: Parts = ()


@dataclass(frozen=True)
class Broken:
    """The content of a place that gives no file: to open it tells why, so that its row in the report does."""

    error: UploadError

    @property
    def name(self) -> str:
        """The base name."""
        return base_name(self.error.path)

    def stamp(self) -> tuple[int, int] | None:
        """There is nothing to compare."""
        return None

    def open(self) -> OpenFile:
        """Tell why there is no file.

        Raises:
            UploadError: always.
        """
        raise self.error


@dataclass(frozen=True)
class Range:
    """The files from `first` to `last`, both included, in the order of a walk."""

    first: Parts
    last: Parts

    def takes(self, parts: Parts) -> bool:
        """Whether a file is in the range."""
        return self.first <= parts <= self.last

    def enters(self, parts: Parts) -> bool:
        """Whether a folder can hold files of the range."""
        depth = len(parts)
        return self.first[:depth] <= parts <= self.last[:depth]


class Folder(Protocol):
    """A folder that can be listed."""

    @property
    def label(self) -> str:
        """How messages name it."""

    def children(self) -> Iterable[tuple[str, Folder | Found]]:
        """Its files and folders by name, sorted; blocks.

        Raises:
            InvalidFileError: it cannot be listed.
        """


@dataclass(frozen=True)
class LocalFolder:
    """A folder of this machine; links are followed, but never into a folder they lie in."""

    path: str

    @property
    def label(self) -> str:
        """How messages name it."""
        return self.path or os.curdir

    def children(self) -> Iterable[tuple[str, Folder | Found]]:
        """Its files and folders by name, sorted; blocks."""
        # A folder may hold millions of files, of which only the names are kept.
        files: list[str] = []
        others: dict[str, Folder | Found] = {}
        try:
            with os.scandir(self.label) as found:
                for one in found:
                    if one.name.startswith("."):
                        continue
                    if one.is_file(follow_symlinks=False):
                        files.append(one.name)
                    elif (other := self._other(one)) is not None:
                        others[one.name] = other
        except OSError as error:
            raise unreadable(self.label, error, "cannot be listed") from error
        files.extend(others)
        files.sort()
        return ((name, others.get(name) or self._file(name)) for name in files)

    def _other(self, one: os.DirEntry[str]) -> Folder | Found | None:
        path = self._path(one.name)
        try:
            if one.is_dir():
                return None if one.is_symlink() and _leads_up(path) else LocalFolder(path)
        except OSError as error:
            # A link in a circle leads nowhere; behind one that may not be followed may be anything.
            if error.errno != errno.ELOOP:
                return Found(path, Broken(_incomplete(unreadable(path, error, "cannot be followed"))))
        # A pipe or a socket is no file; a link to nothing is told when it is opened.
        return self._file(one.name) if one.is_symlink() else None

    def _file(self, name: str) -> Found:
        path = self._path(name)
        return Found(path, LocalContent(path))

    def _path(self, name: str) -> str:
        return os.path.join(self.path, name)  # noqa: PTH118 # Path would rewrite the caller's words.


@dataclass(frozen=True)
class RemoteFolder:
    """A folder of a storage."""

    at: RemotePath

    @property
    def label(self) -> str:
        """How messages name it."""
        return self.at.label

    def children(self) -> list[tuple[str, Folder | Found]]:
        """Its files and folders by name, sorted; blocks."""
        own = self.at.path.strip("/")
        rows = self.at.ask(lambda: self.at.fs.ls(self.at.path, detail=True))
        # Some storages mark a folder by an empty object of its name.
        named = [(base_name(row["name"].rstrip("/")), row) for row in rows if row["name"].strip("/") != own]
        return sorted(((name, self._child(name, row)) for name, row in named if name[:1] != "."), key=_order)

    def _child(self, name: str, row: Mapping[str, Any]) -> Folder | Found:
        at = self.at.below(row["name"], name)
        if row.get("type") == "directory":
            return RemoteFolder(at)
        return Found(at.label, RemoteContent(at, {key: row[key] for key in KEPT if key in row}))


def walk(folder: Folder, selection: Selection, within: Range | None = None) -> Iterator[Found]:
    """The files below a folder that a selection means, folder by folder, sorted by the parts of their paths; blocks.

    Only one listing per level is held. A folder that cannot be listed comes as a broken file in its place.
    """
    open_folders = [iter(_listed(folder))]
    above: list[str] = []
    while open_folders:
        name, child = next(open_folders[-1], ("", None))
        if child is None:
            open_folders.pop()
            del above[-1:]
            continue
        parts = (*above, name)
        if isinstance(child, Found):
            meant = selection.takes("/".join(parts)) and (within is None or within.takes(parts))
            if meant or isinstance(child.content, Broken):
                yield Found(child.path, child.content, parts)
        elif selection.enters("/".join(parts)) and (within is None or within.enters(parts)):
            open_folders.append(iter(_listed(child)))
            above.append(name)


def _listed(folder: Folder) -> Iterable[tuple[str, Folder | Found]]:
    try:
        return folder.children()
    except InvalidFileError as error:
        return [("", Found(folder.label, Broken(_incomplete(error))))]


def _incomplete(error: InvalidFileError) -> IncompleteSourceError:
    # What is in there is as unknown as how much that is.
    return IncompleteSourceError(str(error), error.path)


def _order(child: tuple[str, Folder | Found]) -> tuple[str, bool]:
    # An object store may have a file and a folder of one name.
    return child[0], not isinstance(child[1], Found)


def _leads_up(link: str) -> bool:
    target = Path(link).resolve()
    return target in (Path(link).parent.resolve() / "x").parents
