"""Streams as files: seekable ones in place, others copied to memory or to a temporary file."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import threading
import weakref
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from datalake_ops.errors import InvalidFileError
from datalake_ops.upload.sources.address_chain import split_address
from datalake_ops.upload.sources.entry import WHOLE_BYTES, OpenFile

_COPY_BYTES = 1024 * 1024


class SeekableFile:
    """Seekable stream as a file; one read at a time, and its position stays the same."""

    modified_ns: int | None = None
    content: bytes | None = None

    def __init__(self, path: str, stream: IO[bytes], start: int, size: int) -> None:
        self.path = path
        self.size = size
        self._stream = stream
        self._start = start
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The base name."""
        return base_name(self.path)

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end`; blocks."""
        with self._lock:
            try:
                self._stream.seek(self._start + start)
                piece = _exactly(self._stream, end - start)
                self._stream.seek(self._start)
            except (OSError, ValueError) as error:
                raise InvalidFileError(
                    f"{self.path} became unreadable while it was sent ({error}).", self.path
                ) from error
        if len(piece) != end - start:
            raise InvalidFileError(f"{self.path} became shorter while it was sent.", self.path)
        return piece

    def check_unchanged(self) -> None:
        """Do nothing: the time of a stream's last change is not known."""


def spooled(path: str, stream: IO[bytes], head: bytes = b"") -> OpenFile:
    """Copy `head` and the rest of a stream to memory when small, else to a temporary file, and return that as a file.

    Raises:
        InvalidFileError: the stream fails, is empty, or the disk is full.
    """
    try:
        if len(head) <= WHOLE_BYTES:
            head += _exactly(stream, WHOLE_BYTES + 1 - len(head))
        if len(head) <= WHOLE_BYTES:
            return whole(path, head)
        copy = tempfile.TemporaryFile(prefix="datalake-ops-")  # noqa: SIM115
        copy.write(head)
        shutil.copyfileobj(stream, copy, _COPY_BYTES)
        copy.flush()
    # Storages and decompressors raise errors of their own.
    except Exception as error:
        raise error if isinstance(error, InvalidFileError) else unreadable(path, error) from error
    file = SeekableFile(path, copy, 0, copy.tell())
    weakref.finalize(file, copy.close)
    return file


def whole(path: str, content: bytes, modified_ns: int | None = None) -> OpenFile:
    """Return a small file that is read already.

    Raises:
        InvalidFileError: it is empty.
    """
    if not content:
        raise InvalidFileError(f"{path} is empty, or was read already; there is nothing to upload.", path)
    return HeldFile(path, len(content), content, modified_ns)


@dataclass(frozen=True)
class HeldFile:
    """Small file, whole in memory."""

    path: str
    size: int
    content: bytes
    modified_ns: int | None = None

    @property
    def name(self) -> str:
        """The base name."""
        return base_name(self.path)

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end`."""
        return self.content[start:end]

    def check_unchanged(self) -> None:
        """Do nothing: bytes in memory do not change."""


@dataclass(frozen=True)
class NamedStream:
    """Open binary stream and the file name for its bytes; the caller closes the stream."""

    name: str
    stream: IO[bytes]


@dataclass(frozen=True)
class StreamContent:
    """Content of a stream from its position on; bytes that cannot be read twice are kept as long as this object."""

    path: str
    stream: IO[bytes]
    _opened: list[OpenFile] = field(default_factory=list, repr=False, compare=False)
    _lock: Any = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The base name."""
        return base_name(self.path)

    def stamp(self) -> tuple[int, int] | None:
        """Return None: the time of a stream's last change is not known."""
        return None

    def open(self) -> OpenFile:
        """Open the stream as a file, and read it if it is small; blocks.

        Raises:
            InvalidFileError: it is closed, empty, fails, or gives text instead of bytes.
        """
        with self._lock:
            if not self._opened:
                self._opened.append(self._look())
            return self._opened[0]

    def _look(self) -> OpenFile:
        try:
            if hasattr(self.stream, "encoding"):
                raise InvalidFileError(f"{self.path} was opened as text; open it with mode 'rb'.", self.path)
            if not self.stream.seekable():
                return spooled(self.path, self.stream)
            start = self.stream.tell()
            size = self.stream.seek(0, io.SEEK_END) - start
            self.stream.seek(start)
        # `io.UnsupportedOperation` is both; a closed stream raises ValueError; another object lacks a method.
        except (OSError, ValueError, AttributeError) as error:
            raise error if isinstance(error, InvalidFileError) else unreadable(self.path, error) from error
        file = SeekableFile(self.path, self.stream, start, size)
        return file if size > WHOLE_BYTES else whole(self.path, file.read(0, size))


@dataclass(frozen=True)
class OpenableContent:
    """Content of an object with a name and a method `open`, such as `zipfile.Path`."""

    path: str
    thing: Any

    @property
    def name(self) -> str:
        """The base name."""
        return str(self.thing.name)

    def stamp(self) -> tuple[int, int] | None:
        """Return size and time of the last change, if the object has them; blocks."""
        try:
            found = self.thing.stat()
            return int(found.st_size), int(found.st_mtime * 1e9)
        # The object may raise anything.
        except Exception:  # noqa: BLE001
            return None

    def open(self) -> OpenFile:
        """Open the file, and read it if it is small; blocks.

        Raises:
            InvalidFileError: it cannot be opened or read.
        """
        try:
            stream = self.thing.open("rb")
        except Exception as error:
            raise unreadable(self.path, error) from error
        try:
            file = StreamContent(self.path, stream).open()
        except InvalidFileError:
            stream.close()
            raise
        weakref.finalize(file, stream.close)
        return file


def base_name(path: str) -> str:
    """Return the last part of a path or an address, without the address's query, percent escapes and archive."""
    if "://" in path:
        path = split_address(path).link
        if path.startswith(("http://", "https://")):
            path = unquote(urlsplit(path).path)
    return PurePosixPath(path.replace(os.sep, "/")).name


def unreadable(path: str, error: BaseException, what: str = "cannot be read") -> InvalidFileError:
    """Return the error of a file that a storage or a stream cannot read."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InvalidFileError(f"{path} {what} ({reason or type(error).__name__}).", path)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    # A raw stream may give less than it is asked for.
    pieces = []
    while count > 0 and (piece := stream.read(count)):
        if not isinstance(piece, bytes):
            raise ValueError("it gives text instead of bytes; open it with mode 'rb'")
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)
