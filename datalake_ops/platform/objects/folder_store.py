"""Folder that stores objects under the hash of their name, so that no name can reach outside it."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from uuid import uuid4

from datalake_ops.platform.objects.names import check_object_name
from datalake_ops.platform.store.disk_space import DiskReserve, full_disk_errors

NO_FOLLOW = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class FolderStore:
    """Objects of all connectors; each is staged and moved into place whole.

    Nothing is staged while the disk's reserve is not held. A full disk raises DiskFullError. With `fsync` a file and
    its name are on the disk when `commit` or `move_to` return, so that a power loss cannot take them.
    """

    def __init__(self, root: Path, reserve: DiskReserve | None = None, fsync: bool = False) -> None:
        self.root = root.resolve()
        self.fsync = fsync
        self._reserve = reserve
        self._staging = self.root / "staging"
        # Files that a killed server left half written.
        shutil.rmtree(self._staging, ignore_errors=True)
        self._staging.mkdir(parents=True)

    def path_of(self, connector: str, key: str) -> Path:
        """Path of an object, existing or not.

        Raises:
            BadNameError: the name is not safe.
        """
        return object_path(self.root, connector, key)

    def open(self, connector: str, key: str) -> BinaryIO:
        """Open an object for reading; raises FileNotFoundError if it does not exist."""
        return regular_file(os.open(self.path_of(connector, key), NO_FOLLOW))

    def exists(self, connector: str, key: str) -> bool:
        """Return True if the object exists."""
        return self.path_of(connector, key).is_file()

    def holds(self, digest: str) -> bool:
        """Return True if the object of a digest exists; quick, for the writer's thread."""
        return os.path.isfile(f"{self.root}/{digest[:2]}/{digest[2:4]}/{digest}")  # noqa: PTH113 - a third of the time.

    def delete(self, connector: str, key: str) -> None:
        """Remove an object if it exists."""
        self.path_of(connector, key).unlink(missing_ok=True)

    def stored_before(self, moment: float) -> Iterator[list[str]]:
        """Digests of the objects that were stored before `moment` (Unix seconds), 1/256 of all at a time."""
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            yield [path.name for path in folder.glob("*/*") if _is_older(path, moment)]

    def remove_stored_before(self, digest: str, moment: float) -> int | None:
        """Remove an object that was stored before `moment` by its digest; returns its bytes, None if it stays."""
        path, moved = _place(self.root, digest), self._staging / uuid4().hex
        if not _is_older(path, moment):
            return None
        # Aside first: what is stored under its name from here on is another file.
        path.rename(moved)
        facts = moved.stat()
        if facts.st_mtime >= moment:
            with suppress(FileExistsError):
                os.link(moved, path)
        moved.unlink()
        return facts.st_size if facts.st_mtime < moment else None

    def stage(self) -> StagedFile:
        """Create a staged file, which becomes an object when it is committed.

        Raises:
            DiskFullError: nothing may be stored now.
        """
        if self._reserve is not None:
            self._reserve.check()
        return StagedFile(self, self._staging / uuid4().hex)


class StagedFile:
    """File being written; unless committed it is deleted when the `with` block ends."""

    def __init__(self, store: FolderStore, path: Path) -> None:
        self._store = store
        self._path = path
        self._file: BinaryIO | None = None
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        with full_disk_errors():
            self._open_file().write(chunk)
        self.size += len(chunk)

    def append_file(self, source: BinaryIO) -> None:
        """Append the rest of an open file in chunks."""
        with full_disk_errors():
            shutil.copyfileobj(source, self._open_file(), 1024 * 1024)
        self.size = self._open_file().tell()

    def commit(self, connector: str, key: str) -> None:
        """Make the file the object of that name, by one rename."""
        self.move_to(self._store.path_of(connector, key))

    def move_to(self, target: Path) -> None:
        """Close the file and move it to `target`, creating missing folders."""
        with full_disk_errors():
            file = self._open_file()
            if self._store.fsync:
                file.flush()
                os.fsync(file.fileno())
            file.close()
            try:
                self._path.replace(target)
            except FileNotFoundError:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._path.replace(target)
            if self._store.fsync:
                sync_names(target, self._store.root)

    def _open_file(self) -> BinaryIO:
        if self._file is None:
            self._file = self._path.open("xb")
        return self._file

    def __enter__(self) -> StagedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            # What is still in the buffer has no room on a full disk, and is dropped here anyway.
            with suppress(OSError):
                self._file.close()
            self._path.unlink(missing_ok=True)


def sync_names(path: Path, root: Path) -> None:
    """Bring the name of a file and those of the folders around it, which may be new, to the disk, up to `root`."""
    for folder in path.parents:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if folder == root:
            return


def object_path(root: Path, connector: str, key: str) -> Path:
    """Path of an object below a folder of objects.

    Raises:
        BadNameError: the name is not safe.
    """
    return _place(root, object_digest(connector, key))


def object_digest(connector: str, key: str) -> str:
    """Digest under which an object is stored, in hexadecimal.

    Raises:
        BadNameError: the name is not safe.
    """
    return hashlib.sha256(f"{connector}\n{check_object_name(key)}".encode()).hexdigest()


def regular_file(descriptor: int) -> BinaryIO:
    """Open a descriptor as a readable file; raises FileNotFoundError for a directory, a pipe or a device."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError("not a regular file")
    return os.fdopen(descriptor, "rb")


def _place(root: Path, digest: str) -> Path:
    return root / digest[:2] / digest[2:4] / digest


def _is_older(path: Path, moment: float) -> bool:
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_mtime < moment
