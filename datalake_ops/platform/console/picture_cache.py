"""Cache of the pictures that pages show: files in a folder, bounded in number and bytes, by least recent use."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

from anyio import CapacityLimiter, to_thread
from fastapi import Request

from datalake_ops.platform.services import ObjectStore, ProbeFailure, services

MAX_BYTES = 512 * 1024 * 1024
MAX_FILES = 50_000
# Threads that wait for a decoder at once; the decoders are the platform's own, and fewer.
_THREADS = 4
# First bytes of a JPEG. Of a picture that cannot be decoded the reason is kept: it is not tried with each look.
_JPEG = b"\xff\xd8"
# Part of every key: copies that an earlier release made in another way are made anew.
_EDITION = 2
_logger = logging.getLogger(__name__)


class PictureCache:
    """Folder of JPEG files, or reasons for there being none, by key, in the order of their last use."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._sizes: OrderedDict[str, int] | None = None
        self._bytes = 0
        self._lock = threading.Lock()

    def read(self, key: str) -> bytes | None:
        """Content of a key; None if it is not kept."""
        with self._lock:
            sizes = self._known()
            if key not in sizes:
                return None
            sizes.move_to_end(key)
        try:
            path = self._path(key)
            content = path.read_bytes()
            os.utime(path)
        except OSError:  # Somebody emptied the folder.
            with self._lock:
                self._bytes -= sizes.pop(key, 0)
            return None
        return content

    def write(self, key: str, content: bytes) -> None:
        """Keep a content; on a disk without room for it, it is not kept."""
        path = self._path(key)
        draft = path.with_name(f"{key}.{uuid4().hex}.draft")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_bytes(content)
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            _logger.warning("A picture for the console could not be kept: %s", error)
            return
        with self._lock:
            sizes = self._known()
            self._bytes += len(content) - sizes.pop(key, 0)
            sizes[key] = len(content)
            dropped = []
            while len(sizes) > self._max_files or self._bytes > self._max_bytes:
                oldest, size = sizes.popitem(last=False)
                self._bytes -= size
                dropped.append(oldest)
        for oldest in dropped:
            self._path(oldest).unlink(missing_ok=True)

    def _known(self) -> OrderedDict[str, int]:
        """Sizes by key, read from the folder at first, least used first."""
        if self._sizes is None:
            found: list[tuple[int, str, int]] = []
            for path in self._folder.glob("*/*"):
                with suppress(OSError):  # Removed meanwhile.
                    if path.suffix == ".jpg":
                        facts = path.stat()
                        found.append((facts.st_mtime_ns, path.stem, facts.st_size))
                    else:
                        path.unlink()  # A draft of a server that was killed.
            self._sizes = OrderedDict((key, size) for _, key, size in sorted(found))
            self._bytes = sum(self._sizes.values())
        return self._sizes

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.jpg"


class Pictures:
    """Pictures to be looked at, each made once however many ask for it, and kept."""

    def __init__(self, objects: ObjectStore, cache: PictureCache) -> None:
        self._objects = objects
        self._cache = cache
        self._threads: CapacityLimiter | None = None
        self._being_made: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, connector: UUID, object_name: str, version: str, large: bool) -> bytes | str:
        """JPEG of an object, or the reason that it cannot be shown; `version` changes when the object does."""
        told = f"{_EDITION}\0{connector}\0{object_name}\0{version}\0{large}"
        key = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        making = self._being_made.get(key)
        if making is None:
            making = asyncio.create_task(self._get(key, connector, object_name, large))
            self._being_made[key] = making
            making.add_done_callback(lambda _: self._being_made.pop(key, None))
        # Shielded, since others may wait for the same picture when one browser goes.
        content = await asyncio.shield(making)
        return content if content.startswith(_JPEG) else content.decode()

    async def _get(self, key: str, connector: UUID, object_name: str, large: bool) -> bytes:
        if self._threads is None:
            self._threads = CapacityLimiter(_THREADS)
        return await to_thread.run_sync(self._make, key, connector, object_name, large, limiter=self._threads)

    def _make(self, key: str, connector: UUID, object_name: str, large: bool) -> bytes:
        kept = self._cache.read(key)
        if kept is not None:
            return kept
        made = self._objects.picture_copy(connector, object_name, large)
        if isinstance(made, ProbeFailure):
            reason = made.reason.encode(errors="replace")
            if made.size_bytes is not None:  # Else there is no object yet.
                self._cache.write(key, reason)
            return reason
        self._cache.write(key, made)
        return made


def pictures_of(request: Request) -> Pictures:
    """Return the pictures of the application that answers this request."""
    state = request.app.state
    if not hasattr(state, "console_pictures"):
        needed = services(request)
        state.console_pictures = Pictures(needed.objects, PictureCache(needed.settings.copies))
    found: Pictures = state.console_pictures
    return found
