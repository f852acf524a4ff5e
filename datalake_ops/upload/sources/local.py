"""Local files, read whole when small and by ranges when large."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from datalake_ops.errors import InvalidFileError
from datalake_ops.upload.sources.entry import WHOLE_BYTES, OpenFile, check_name


@dataclass(frozen=True)
class LocalContent:
    """Content of a file of this machine."""

    path: str

    @property
    def name(self) -> str:
        """The base name."""
        return Path(self.path).name

    def stamp(self) -> tuple[int, int] | None:
        """Return size and time of the last change; blocks."""
        try:
            found = Path(self.path).stat()
        except (OSError, ValueError):
            return None
        return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None

    def open(self) -> OpenFile:
        """Open the file, and read it if it is small; blocks."""
        return open_file(self.path)


@dataclass(frozen=True)
class LocalFile:
    """Local file as it was when opened; `content` is the whole of a small file."""

    path: str
    size: int
    modified_ns: int
    content: bytes | None = None

    @cached_property
    def name(self) -> str:
        """The base name: no directory, no `..`, ever reaches the platform."""
        return Path(self.path).name

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end`; blocks.

        The file is opened for each slice, so a half-sent body leaves no handle behind.

        Raises:
            InvalidFileError: the file changed or vanished since it was opened.
        """
        if self.content is not None:
            return self.content[start:end]
        try:
            with Path(self.path).open("rb") as stream:
                stream.seek(start)
                piece = stream.read(end - start)
                now = os.fstat(stream.fileno())
        except OSError as error:
            raise _unreadable(self.path, error, "vanished or became unreadable while it was sent") from error
        if len(piece) != end - start:
            raise self._changed()
        self._compare(now)
        return piece

    def check_unchanged(self) -> None:
        """Compare size and time of the last change with those at the opening; blocks."""
        try:
            self._compare(Path(self.path).stat())
        except OSError as error:
            raise _unreadable(self.path, error, "vanished or became unreadable while it was sent") from error

    def _compare(self, now: os.stat_result) -> None:
        if (now.st_size, now.st_mtime_ns) != (self.size, self.modified_ns):
            raise self._changed()

    def _changed(self) -> InvalidFileError:
        return InvalidFileError(
            f"{self.path} changed while it was sent; upload it again when nothing writes to it any more.", self.path
        )


def open_file(path: str) -> LocalFile:
    """Open a file, and read it if it is small; blocks.

    Raises:
        InvalidFileError: missing, not a file, empty, unreadable, or its name cannot be sent as JSON.
    """
    place = Path(path)
    check_name(path, place.name)
    try:
        # A pipe would block at open, so the kind is checked first.
        if not stat.S_ISREG((found := place.stat()).st_mode):
            kind = "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
            raise InvalidFileError(f"{path} is {kind}; give the path of a file.", path)
        with place.open("rb") as stream:
            now = os.fstat(stream.fileno())
            content = stream.read(WHOLE_BYTES + 1) if now.st_size <= WHOLE_BYTES else None
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidFileError):
            raise
        missing = isinstance(error, FileNotFoundError)
        raise _unreadable(path, error, "does not exist" if missing else "cannot be read") from error
    if content is not None and len(content) > WHOLE_BYTES:
        raise InvalidFileError(f"{path} grew while it was read; upload it again when nothing writes to it.", path)
    if content == b"":
        raise InvalidFileError(f"{path} is empty; there is nothing to upload.", path)
    return LocalFile(path, len(content) if content is not None else now.st_size, now.st_mtime_ns, content)


def _unreadable(path: str, error: Exception, what: str) -> InvalidFileError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InvalidFileError(f"{path} {what} ({reason}).", path)
