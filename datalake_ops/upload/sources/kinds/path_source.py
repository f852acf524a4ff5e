"""Sources that are paths: a file, a folder or a pattern, of this machine or of a storage."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from datalake_ops.client.guarded_session import VisitRule
from datalake_ops.errors import ConfigurationError, EmptySourceError, InvalidFileError
from datalake_ops.upload.sources.address_chain import split_address
from datalake_ops.upload.sources.folders import Folder, LocalFolder, OnPassedOver, RemoteFolder, WalkRange, walk
from datalake_ops.upload.sources.kinds.source_options import SourceOptions
from datalake_ops.upload.sources.local import LocalContent
from datalake_ops.upload.sources.media_type import content_type
from datalake_ops.upload.sources.patterns import PathFilter, has_magic, split_at_magic
from datalake_ops.upload.sources.remote import (
    RemoteContent,
    RemotePath,
    check_address,
    is_address,
    local_path,
    remote_path,
)
from datalake_ops.upload.sources.resolved_file import EmptySource, ResolvedFile, UnreadableContent
from datalake_ops.upload.sources.shard import FilePiece, FolderPiece, SizedPiece, size_of


@dataclass(frozen=True)
class FolderTree:
    """Files below a folder that a filter chooses; `name` is the folder or the pattern as the caller named it."""

    folder: Folder
    path_filter: PathFilter
    name: str
    on_passed_over: OnPassedOver | None = field(default=None, compare=False)

    def files(self, within: WalkRange | None = None) -> Iterator[ResolvedFile]:
        """Yield the files of a range, in order, perhaps none; blocks. What a range passes over its plan has counted."""
        found = walk(self.folder, self.path_filter, within, self.on_passed_over if within is None else None)
        return (replace(file, origin=self.name) for file in found)

    def files_or_error(self) -> Iterator[ResolvedFile]:
        """Yield the files, in order; an empty folder yields one unreadable file. Blocks."""
        empty = True
        for file in self.files():
            empty = False
            yield file
        if empty:
            yield ResolvedFile(self.name, EmptySource(InvalidFileError(self._emptiness, self.name)))

    def pieces(self, sized: bool) -> Iterator[SizedPiece]:
        """Yield the files as pieces of a shard; blocks.

        Raises:
            EmptySourceError: there is none.
        """
        empty = True
        for file in self.files():
            empty = False
            include, exclude = self.path_filter.include, self.path_filter.exclude
            piece = FolderPiece(self.name, file.parts, file.parts, 1, include, exclude)
            yield SizedPiece(piece, size_of(file.content) if sized else 0)
        if empty:
            raise EmptySourceError(self._emptiness, self.name)

    @property
    def _emptiness(self) -> str:
        return f"{self.name} holds no {'file that matches' if self.path_filter.include else 'image or video'}."


@dataclass(frozen=True)
class LocalSource:
    """Path of this machine: a file, a folder or a pattern."""

    path: str
    options: SourceOptions
    is_local = True

    def check(self) -> None:
        """Accept any path: a missing file is reported in its row."""

    def count(self) -> int | None:
        """Return 1 for a file, None for a folder or a pattern; asks the disk."""
        return None if self.tree() is not None else 1

    def files(self) -> Iterator[ResolvedFile]:
        """Yield the files; blocks."""
        return _files(self.tree(), path_file(self.path))

    def pieces(self, sized: bool) -> Iterator[SizedPiece]:
        """Yield the files as pieces of a shard; blocks."""
        tree = self.tree()
        return _file_piece(path_file(self.path), sized) if tree is None else tree.pieces(sized)

    def tree(self) -> FolderTree | None:
        """Return the tree of a folder or a pattern; None for a file. Asks the disk."""
        path = local_path(self.path)
        # Asked for each path of a list, where `Path.is_dir` would be felt.
        if os.path.isdir(path):  # noqa: PTH112
            return FolderTree(LocalFolder(path), self.options.path_filter(), path, self.options.on_passed_over)
        if not has_magic(path) or Path(path).exists():
            return None
        folder, glob = split_at_magic(path)
        return FolderTree(LocalFolder(folder), self.options.path_filter(glob), path, self.options.on_passed_over)


@dataclass(frozen=True)
class AddressSource:
    """fsspec URL: a file, a folder or a pattern of a storage."""

    address: str
    options: SourceOptions
    is_local = False

    def check(self) -> None:
        """Check that fsspec is installed and knows the protocol.

        Raises:
            ConfigurationError: something has to be installed first.
        """
        check_address(self.address)

    def count(self) -> int | None:
        """Return None: no storage is asked for a count."""
        return None

    def files(self) -> Iterator[ResolvedFile]:
        """Yield the files; blocks."""
        tree = self.tree()
        return _files(tree, None if tree is not None else path_file(self.address, self.options.storage))

    def pieces(self, sized: bool) -> Iterator[SizedPiece]:
        """Yield the files as pieces of a shard; blocks."""
        tree = self.tree()
        if tree is not None:
            return tree.pieces(sized)
        return _file_piece(path_file(self.address, self.options.storage), sized)

    def tree(self) -> FolderTree | None:
        """Return the tree of a folder or a pattern; None for a file, and where the storage fails. Asks the storage."""
        try:
            return self._tree()
        except InvalidFileError:
            # The row of the file has the error, when it is opened.
            return None

    def _tree(self) -> FolderTree | None:
        chain = split_address(self.address)
        # An address of the web often has a question mark that is no pattern.
        magic = "*" if chain.link.startswith(("http://", "https://")) else "*?["
        at = remote_path(self.address, self.options.storage)
        protocol, _, path = chain.link.partition("://")
        if not has_magic(path, magic):
            return _remote_tree(at, self.options)
        if at.ask(lambda: at.fs.isfile(at.path)):
            return None
        folder, glob = split_at_magic(path)
        root = remote_path(chain.with_link(f"{protocol}://{folder}"), self.options.storage)
        options = self.options
        return FolderTree(RemoteFolder(root), options.path_filter(glob), self.address, options.on_passed_over)


@dataclass(frozen=True)
class ObjectPathSource:
    """Path object with a file system of its own, such as Airflow's `ObjectStoragePath`: a file or a folder."""

    at: RemotePath
    options: SourceOptions
    is_local = False

    def check(self) -> None:
        """Accept any path: its file system is open already."""

    def count(self) -> int | None:
        """Return None: no storage is asked for a count."""
        return None

    def files(self) -> Iterator[ResolvedFile]:
        """Yield the files; blocks."""
        return _files(self.tree(), ResolvedFile(self.at.label, RemoteContent(self.at)))

    def pieces(self, sized: bool) -> Iterator[SizedPiece]:
        """Refuse: the file system of the object stays in this process.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError(f"{self.at.label} cannot travel to a worker; give its address as text.")

    def tree(self) -> FolderTree | None:
        """Return the tree of a folder; None for a file, and where the storage fails. Asks the storage."""
        try:
            return _remote_tree(self.at, self.options)
        except InvalidFileError:
            # The row of the file has the error, when it is opened.
            return None


def path_source(path: str, options: SourceOptions) -> LocalSource | AddressSource:
    """Return the source of a path or an fsspec URL."""
    return AddressSource(path, options) if is_address(path) else LocalSource(path, options)


def path_file(
    path: str, storage_options: Mapping[str, Any] | None = None, visits: VisitRule | None = None
) -> ResolvedFile:
    """Return the file of a path or an fsspec URL, without asking the disk or the storage."""
    if not is_address(path):
        return ResolvedFile(path, LocalContent(local_path(path)))
    try:
        return ResolvedFile(path, RemoteContent(remote_path(path, storage_options, visits)))
    # The paths in a manifest were not checked before.
    except (InvalidFileError, ConfigurationError) as error:
        return ResolvedFile(path, UnreadableContent(InvalidFileError(str(error), path)))


def _remote_tree(at: RemotePath, options: SourceOptions) -> FolderTree | None:
    link = split_address(at.label).link
    # The name of an image or a video is taken for a file's, so that such addresses cost no request.
    is_file = not link.endswith("/") and content_type(at.name).startswith(("image/", "video/"))
    if is_file or not (link.endswith("/") or at.ask(lambda: at.fs.isdir(at.path))):
        return None
    return FolderTree(RemoteFolder(at), options.path_filter(), at.label, options.on_passed_over)


def _files(tree: FolderTree | None, file: ResolvedFile | None) -> Iterator[ResolvedFile]:
    if tree is not None:
        yield from tree.files_or_error()
    elif file is not None:
        yield file


def _file_piece(file: ResolvedFile, sized: bool) -> Iterator[SizedPiece]:
    yield SizedPiece(FilePiece(file.path), size_of(file.content) if sized else 0)
