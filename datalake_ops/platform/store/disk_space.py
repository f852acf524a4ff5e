"""Full disks: told from other errors, and a reserve of room that deletes and the ends of jobs may use."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy.exc import DBAPIError

RESERVE_BYTES = 16 * 1024**2
# The reserve is given up at a start with less room than this: the database needs some to be opened.
LEAST_BYTES = 2 * 1024**2
_RETRY_SECONDS = 1.0
_logger = logging.getLogger(__name__)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# SQLite calls a quota, and a limit of file size, an I/O error of writing.
_SQLITE_FULL = frozenset({"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"})


class DiskFullError(RuntimeError):
    """The disk, its quota or the reserve has no room for what was to be stored; nothing of it was."""

    def __init__(self) -> None:
        super().__init__(
            "Storage full: the platform's disk has no room for this, so nothing of it was stored. Delete data, or free "
            "space on that disk, and send it again."
        )


def is_disk_full(error: BaseException | None) -> bool:
    """Return True if an error of a file or of the database means that there is no room to write."""
    if isinstance(error, DBAPIError):
        error = error.orig
    if isinstance(error, sqlite3.Error):
        # Errors that the module raises by itself have no name.
        return getattr(error, "sqlite_errorname", "") in _SQLITE_FULL
    return isinstance(error, DiskFullError) or (isinstance(error, OSError) and error.errno in _FULL)


@contextmanager
def full_disk_errors() -> Iterator[None]:
    """Raise DiskFullError in place of the errors of a full disk."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise DiskFullError from error
        raise


class DiskReserve:
    """File that holds room on the disk: given up for a write that frees room, taken back once there is some.

    While it is not held, nothing else may be stored: the room that a delete frees refills the reserve first.
    """

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self._path = path
        self._size = size
        self._lock = threading.Lock()
        self._held = False
        self._next_try = 0.0
        if free_bytes(path.parent) < LEAST_BYTES:
            self.give_up()

    def is_held(self) -> bool:
        """Return True if the room is reserved; tries to take it back at most once a second."""
        return self._held or self._take()

    def give_up(self) -> None:
        """Free the room for the writes that must be possible."""
        with self._lock:
            self._held = False
            self._next_try = time.monotonic() + _RETRY_SECONDS
            # What cannot be given up frees no room, which the write that needs it will tell.
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def check(self) -> None:
        """Raise DiskFullError unless the room is reserved."""
        if not self.is_held():
            raise DiskFullError

    def _take(self) -> bool:
        with self._lock:
            if self._held or time.monotonic() < self._next_try:
                return self._held
            self._next_try = time.monotonic() + _RETRY_SECONDS
            try:
                descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    os.posix_fallocate(descriptor, 0, self._size)
                finally:
                    os.close(descriptor)
            except OSError as error:
                if is_disk_full(error):
                    self._path.unlink(missing_ok=True)
                    return False
                _logger.warning("No room can be reserved on the disk, so deletes may fail on a full one: %s", error)
            self._held = True
            return True


def free_bytes(folder: Path) -> int:
    """Bytes that this user may still write on the disk of a folder."""
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize
