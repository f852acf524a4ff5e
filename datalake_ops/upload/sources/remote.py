"""Remote files: any storage that fsspec reaches, read by ranges."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from datalake_ops.client.guarded_session import GuardedSession, VisitRule
from datalake_ops.errors import ConfigurationError, InvalidFileError
from datalake_ops.upload.sources.address_chain import split_address, split_links
from datalake_ops.upload.sources.entry import WHOLE_BYTES, OpenFile
from datalake_ops.upload.sources.file_parts import PARTS_AT_ONCE
from datalake_ops.upload.sources.streams import base_name, spooled, unreadable, whole

T = TypeVar("T")
# Bytes fetched at a time: fewer, larger requests than the slices that are sent.
BLOCK_BYTES = 1024 * 1024
# One for each part of a file that is sent at the same time, and one for a reader between two.
BLOCKS = PARTS_AT_ONCE + 1
# Pauses before a storage that failed is asked again, in seconds.
PAUSES = (0.2, 1.0)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+(::|://)")
_LOCAL = ("file://", "local://")
_WEB = frozenset({"http", "https"})
# To read in the middle of these means to unpack everything before, each time.
_PACKED = frozenset({"zip", "tar", "libarchive"})
_CHANGES = ("mtime", "LastModified", "last_modified", "updated", "created")
_FINAL = (PermissionError, IsADirectoryError, NotADirectoryError)
_CHECKSUMS = ("ETag", "etag", "md5Hash", "content_md5", "uid")
# Fields of a listing that are kept with a file until it is opened.
KEPT = ("size", "type", "partial", *_CHANGES, *_CHECKSUMS)


def is_address(path: str) -> bool:
    """Return True for an fsspec URL: `s3://...`, `memory://...`, `zip://*.png::s3://...`, but not `file://`."""
    return "://" in path and not is_local_address(path) and _ADDRESS.match(path) is not None


def is_local_address(path: str) -> bool:
    """Return True for `file://...` and `local://...`."""
    return path.startswith(_LOCAL)


def local_path(path: str) -> str:
    """Return a path without `file://` in front."""
    return next((path[len(prefix) :] for prefix in _LOCAL if path.startswith(prefix)), path)


def check_address(address: str) -> None:
    """Check that fsspec is installed, and knows the protocol.

    Raises:
        ConfigurationError: something has to be installed first.
    """
    *links, last = split_links(address)
    # The last one may be a local path.
    for link in [*links, last] if "://" in last else links:
        _check_protocol(link.split("://")[0])


@lru_cache(maxsize=64)
def _check_protocol(protocol: str) -> None:
    fsspec = _fsspec(protocol)
    try:
        if _ADDRESS.match(f"{protocol}://"):
            fsspec.get_filesystem_class(protocol)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(f"fsspec cannot read {protocol}:// here: {error}") from error


def _fsspec(what: str) -> Any:
    try:
        import fsspec
    except ImportError as error:
        raise ConfigurationError(f"To read {what} addresses, install fsspec: `pip install fsspec`.") from error
    return fsspec


@dataclass(frozen=True)
class RemotePath:
    """Path inside an fsspec file system, and its label in messages and reports."""

    fs: Any
    path: str
    label: str

    @property
    def name(self) -> str:
        """The base name."""
        return base_name(self.label)

    def below(self, path: str, relative: str) -> RemotePath:
        """Return a path of the same file system, below this one by `relative`."""
        chain = split_address(self.label)
        separator = "" if chain.link.endswith("/") else "/"
        return RemotePath(self.fs, path, chain.with_link(f"{chain.link}{separator}{relative}"))

    def info(self) -> Mapping[str, Any]:
        """Return the storage's metadata of the path: `size`, `type`, perhaps times.

        Raises:
            InvalidFileError: it is missing, or the storage refuses.
        """
        info: Mapping[str, Any] = self.ask(lambda: self.fs.info(self.path))
        return info

    def ask(self, call: Callable[[], T]) -> T:
        """Call a function that reads the storage, up to three times when it fails.

        Raises:
            InvalidFileError: it still fails.
        """
        pauses = iter(PAUSES)
        while True:
            try:
                return call()
            # Every storage raises errors of its own, and fsspec takes every error of the web for a missing file.
            except Exception as error:
                final = _final_cause(error)
                if final is None and isinstance(error, FileNotFoundError):
                    raise unreadable(self.label, error, "does not exist") from error
                pause = next(pauses, None) if final is None else None
                if pause is None:
                    raise unreadable(self.label, final or error) from error
                time.sleep(pause)


def _final_cause(error: BaseException | None) -> BaseException | None:
    while error is not None and not isinstance(error, _FINAL):
        error = error.__cause__
    return error


def remote_path(address: str, options: Mapping[str, Any] | None = None, visits: VisitRule | None = None) -> RemotePath:
    """Return the path of an address; sends no request to the storage. Requests to the web follow the rule `visits`.

    Raises:
        ConfigurationError: fsspec, or what it needs for this protocol, is not installed.
        InvalidFileError: it is no address that fsspec understands, or its storage cannot be opened.
    """
    check_address(address)
    try:
        fs, path = _opened(address, _guarded(address, options or {}, visits))
    except Exception as error:
        raise unreadable(address, error, "cannot be opened") from error
    return RemotePath(fs, path, address)


def _guarded(address: str, options: Mapping[str, Any], visits: VisitRule | None) -> Mapping[str, Any]:
    """Options that open the links of the web with sessions that follow a rule."""
    if visits is None:
        return options
    guarded = dict(options)
    for number, link in enumerate(split_links(address)):
        protocol = link.partition("://")[0]
        if protocol in _WEB:
            own = dict(options.get(protocol) or {})
            # fsspec gives options without a protocol to the first link.
            make = (options.get("get_client") if number == 0 else None) or own.get("get_client")
            guarded[protocol] = {**own, "get_client": GuardedSession(visits, make)}
            if number == 0:
                guarded.pop("get_client", None)
    return guarded


def _opened(address: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """File system and path of an address.

    fsspec splits at every `::`; the folder above a name that holds one is opened in its place.
    """
    chain = split_address(address)
    if any("::" in link for link in split_links(address) if link != chain.link):
        raise ValueError("the name of an archive must not hold '::'")
    protocol, _, path = chain.link.partition("://")
    url_to_fs = _fsspec(address).core.url_to_fs
    if "::" not in path:
        return url_to_fs(address, **options)  # type: ignore[no-any-return]
    folder, slash, _ = path.partition("::")[0].rpartition("/")
    fs, above = url_to_fs(chain.with_link(f"{protocol}://{folder}{slash}"), **options)
    return fs, f"{above.rstrip('/')}/{path[len(folder + slash) :]}"


@dataclass(frozen=True)
class RemoteContent:
    """Content of a remote file; `known` is its metadata in a listing."""

    at: RemotePath
    known: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """The base name."""
        return self.at.name

    def stamp(self) -> tuple[int, int] | None:
        """Return size and a number that changes with the file; blocks."""
        try:
            info = self.known or self.at.info()
        except InvalidFileError:
            return None
        changed = modified_ns(info)
        return None if info.get("size") is None or changed is None else (int(info["size"]), changed)

    def open(self) -> OpenFile:
        """Open the file, and read it if it is small; blocks.

        Raises:
            InvalidFileError: missing, empty, a folder, or its storage fails.
        """
        info = self.known or self.at.info()
        if info.get("type") == "directory":
            raise InvalidFileError(f"{self.at.label} is a folder; give the address of a file.", self.at.label)
        size = info.get("size")
        if size is not None and size <= WHOLE_BYTES:
            content = bytes(self.at.ask(lambda: self.at.fs.cat_file(self.at.path)))
            return whole(self.at.label, content, modified_ns(info))
        if size is None or not _has_ranges(self.at, info):
            with self.at.ask(lambda: self.at.fs.open(self.at.path, "rb")) as stream:
                return spooled(self.at.label, stream)
        return RemoteFile(self.at, int(size), modified_ns(info))


class RemoteFile:
    """Large file of a storage, fetched in blocks as it is read; a block is kept until its end was read."""

    content: bytes | None = None

    def __init__(self, at: RemotePath, size: int, changed: int | None) -> None:
        self.path = at.label
        self.size = size
        self.modified_ns = changed
        self._at = at
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The base name."""
        return self._at.name

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end`; blocks.

        Raises:
            InvalidFileError: the file changed or vanished since it was opened, or its storage fails.
        """
        first, last = start // BLOCK_BYTES, max(start, end - 1) // BLOCK_BYTES
        joined = b"".join(map(self._block, range(first, last + 1)))
        offset = first * BLOCK_BYTES
        with self._lock:
            for number in range(first, end // BLOCK_BYTES):
                self._blocks.pop(number, None)
        if end == self.size:
            self.check_unchanged()
        return joined[start - offset : end - offset]

    def _block(self, number: int) -> bytes:
        with self._lock:
            if number in self._blocks:
                self._blocks.move_to_end(number)
                return self._blocks[number]
        start = number * BLOCK_BYTES
        end = min(start + BLOCK_BYTES, self.size)
        block = bytes(self._at.ask(lambda: self._at.fs.cat_file(self._at.path, start=start, end=end)))
        if len(block) != end - start:
            raise self._changed()
        with self._lock:
            self._blocks[number] = block
            while len(self._blocks) > BLOCKS:
                self._blocks.popitem(last=False)
        return block

    def check_unchanged(self) -> None:
        """Compare the storage's metadata with those at the opening; blocks."""
        # A cached listing would only repeat the old metadata.
        self._at.fs.invalidate_cache()
        info = self._at.info()
        if (info.get("size"), modified_ns(info)) != (self.size, self.modified_ns):
            raise self._changed()

    def _changed(self) -> InvalidFileError:
        return InvalidFileError(
            f"{self.path} changed while it was sent; upload it again when nothing writes to it any more.", self.path
        )


def modified_ns(info: Mapping[str, Any]) -> int | None:
    """Return a number that changes with the file: its time of change in nanoseconds, else one from its checksum."""
    for key in _CHANGES:
        value = info.get(key)
        if isinstance(value, datetime):
            return int(value.timestamp() * 1e9)
        if isinstance(value, (int, float)):
            return int(value * 1e9)
    checksum = next((str(info[key]) for key in _CHECKSUMS if info.get(key)), None)
    return int.from_bytes(hashlib.sha256(checksum.encode()).digest()[:7], "big") if checksum else None


def _has_ranges(at: RemotePath, info: Mapping[str, Any]) -> bool:
    protocol = at.fs.protocol
    names = {protocol} if isinstance(protocol, str) else set(protocol)
    # A web server says whether it takes ranges; one that does not would send the whole file for each block.
    return not names & _PACKED and not (names & _WEB and not info.get("partial"))
