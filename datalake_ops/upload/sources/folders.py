"""Folder walk, of this machine or of a storage: files one at a time, always in the same order."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from datalake_ops.errors import IncompleteSourceError, InvalidFileError, UploadError
from datalake_ops.upload.sources.local import LocalContent
from datalake_ops.upload.sources.patterns import PathFilter
from datalake_ops.upload.sources.remote import KEPT, RemoteContent, RemotePath
from datalake_ops.upload.sources.resolved_file import ResolvedFile, UnreadableContent
from datalake_ops.upload.sources.streams import base_name, unreadable
from datalake_ops.wire.media_types import SNIFF_BYTES, is_transport_stream

Parts = tuple[str, ...]


@dataclass(frozen=True)
class WalkRange:
    """Range of a walk: the files from `first` to `last`, both included."""

    first: Parts
    last: Parts

    def includes(self, parts: Parts) -> bool:
        """Return True if a file is in the range."""
        return self.first <= parts <= self.last

    def enters(self, parts: Parts) -> bool:
        """Return True if a folder can hold files of the range."""
        depth = len(parts)
        return self.first[:depth] <= parts <= self.last[:depth]


class Folder(Protocol):
    """Folder that can be listed."""

    @property
    def label(self) -> str:
        """Name in messages."""

    def children(self) -> Iterable[tuple[str, Folder | ResolvedFile]]:
        """Return its files and folders by name, sorted; blocks.

        Raises:
            InvalidFileError: it cannot be listed.
        """


@dataclass(frozen=True)
class LocalFolder:
    """Folder of this machine; links are followed, but never into a folder they lie in."""

    path: str

    @property
    def label(self) -> str:
        """Name in messages."""
        return self.path or os.curdir

    def children(self) -> Iterable[tuple[str, Folder | ResolvedFile]]:
        """Return its files and folders by name, sorted; blocks."""
        # A folder may hold millions of files, of which only the names are kept.
        files: list[str] = []
        others: dict[str, Folder | ResolvedFile] = {}
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

    def _other(self, one: os.DirEntry[str]) -> Folder | ResolvedFile | None:
        path = self._path(one.name)
        try:
            if one.is_dir():
                return None if one.is_symlink() and _leads_up(path) else LocalFolder(path)
        except OSError as error:
            # A link in a circle leads nowhere; one that may not be followed may lead to files.
            if error.errno != errno.ELOOP:
                return ResolvedFile(path, UnreadableContent(_incomplete(unreadable(path, error, "cannot be followed"))))
        # A pipe or a socket is no file; a link to nothing is reported when it is opened.
        return self._file(one.name) if one.is_symlink() else None

    def _file(self, name: str) -> ResolvedFile:
        path = self._path(name)
        return ResolvedFile(path, LocalContent(path))

    def _path(self, name: str) -> str:
        return os.path.join(self.path, name)  # noqa: PTH118 # Path would rewrite the caller's words.


@dataclass(frozen=True)
class RemoteFolder:
    """Folder of a storage."""

    at: RemotePath

    @property
    def label(self) -> str:
        """Name in messages."""
        return self.at.label

    def children(self) -> list[tuple[str, Folder | ResolvedFile]]:
        """Return its files and folders by name, sorted; blocks."""
        own = self.at.path.strip("/")
        rows = self.at.ask(lambda: self.at.fs.ls(self.at.path, detail=True))
        # Some storages mark a folder by an empty object of its name.
        named = [(base_name(row["name"].rstrip("/")), row) for row in rows if row["name"].strip("/") != own]
        return sorted(((name, self._child(name, row)) for name, row in named if name[:1] != "."), key=_order)

    def _child(self, name: str, row: Mapping[str, Any]) -> Folder | ResolvedFile:
        at = self.at.below(row["name"], name)
        if row.get("type") == "directory":
            return RemoteFolder(at)
        return ResolvedFile(at.label, RemoteContent(at, {key: row[key] for key in KEPT if key in row}))


class OnPassedOver(Protocol):
    """Callback for files that are neither images nor videos."""

    def __call__(self, name: str, count: int = 1) -> None:
        """Take the name of one, or of `count` files of the same ending."""


def walk(
    folder: Folder,
    path_filter: PathFilter,
    within: WalkRange | None = None,
    on_passed_over: OnPassedOver | None = None,
) -> Iterator[ResolvedFile]:
    """Yield the files below a folder that a filter includes, sorted by the parts of their paths; blocks.

    Only one listing per level is held. A folder that cannot be listed comes as an unreadable file in its place.
    `on_passed_over` is called with the name of each file that is neither an image nor a video.
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
        if isinstance(child, ResolvedFile):
            if within is not None and not within.includes(parts) and not isinstance(child.content, UnreadableContent):
                continue
            if isinstance(child.content, UnreadableContent) or _is_included(child, "/".join(parts), path_filter):
                yield replace(child, parts=parts)
            elif on_passed_over is not None and _is_passed_over("/".join(parts), path_filter):
                on_passed_over(name)
        elif path_filter.enters("/".join(parts)) and (within is None or within.enters(parts)):
            open_folders.append(iter(_listed(child)))
            above.append(name)


def _is_included(file: ResolvedFile, path: str, path_filter: PathFilter) -> bool:
    if not path_filter.includes(path):
        return False
    if not path_filter.needs_a_look(path):
        return True
    try:
        opened = file.content.open()
        return is_transport_stream(opened.read(0, min(SNIFF_BYTES, opened.size)))
    except UploadError:
        # It is opened once more to be sent, and reported then.
        return True


def _is_passed_over(path: str, path_filter: PathFilter) -> bool:
    return path_filter.passes_over(path) or (path_filter.needs_a_look(path) and path_filter.includes(path))


def _listed(folder: Folder) -> Iterable[tuple[str, Folder | ResolvedFile]]:
    try:
        return folder.children()
    except InvalidFileError as error:
        return [("", ResolvedFile(folder.label, UnreadableContent(_incomplete(error))))]


def _incomplete(error: InvalidFileError) -> IncompleteSourceError:
    # Neither its files nor their number are known.
    return IncompleteSourceError(str(error), error.path)


def _order(child: tuple[str, Folder | ResolvedFile]) -> tuple[str, bool]:
    # An object store may have a file and a folder of one name.
    return child[0], not isinstance(child[1], ResolvedFile)


def _leads_up(link: str) -> bool:
    target = Path(link).resolve()
    return target in (Path(link).parent.resolve() / "x").parents
