"""Multipart uploads: parts are stored as files beside the objects until the upload is completed or expires.

An upload is a folder: `upload.json` names its object, each part is a file named `<number>-<md5>`. All of it survives a
killed server, since every step is one rename.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from datalake_ops.platform.objects.folder_store import FolderStore, StagedFile, sync_names
from datalake_ops.platform.store.disk_space import full_disk_errors

PARTS_AT_MOST = 10_000
LIFE = 24 * 3600.0  # seconds after its last change until an incomplete upload expires


class BadUploadError(ValueError):
    """The request does not fit the upload; the text has the reason."""


class UnknownUploadError(LookupError):
    """The upload does not exist: never started, started for another object, or expired."""


@dataclass(frozen=True)
class CompletedPart:
    """Part as the client lists it to complete an upload."""

    number: int
    etag: str


@dataclass(frozen=True)
class PartFile(CompletedPart):
    """Stored part, with its size in bytes; the ETag is in quotes, as it was given."""

    size: int


@dataclass(frozen=True)
class _UploadTarget:
    connector: str
    key: str
    content_type: str


class MultipartUploads:
    """Uploads in progress of one installation."""

    def __init__(self, store: FolderStore, life: float = LIFE) -> None:
        self._store = store
        self._root = store.root / "uploads"
        self._root.mkdir(exist_ok=True)
        self._life = life
        # Striped locks: joining the parts of a large upload must not block the others.
        self._locks = [threading.Lock() for _ in range(64)]

    def start(self, connector: str, key: str, content_type: str) -> str:
        """Start an upload; returns its id."""
        self.drop_expired()
        upload = uuid4().hex
        folder = self._root / upload
        with full_disk_errors():
            folder.mkdir()
            self._write_json(folder / "upload.json", asdict(_UploadTarget(connector, key, content_type)))
        return upload

    def check(self, upload: str, connector: str, key: str) -> None:
        """Raise UnknownUploadError unless this is an upload in progress of that object."""
        if (self._folder(upload, connector, key) / "complete.json").exists():
            raise UnknownUploadError("This upload is complete already.")

    def put(self, upload: str, number: int, staged: StagedFile, md5: str) -> str:
        """Store a staged part, in place of an earlier one of that number; returns its ETag, in quotes."""
        folder = self._root / upload
        with self._lock_of(upload):
            earlier = list(folder.glob(f"{number:05d}-*"))
            if not (folder / "upload.json").exists():
                raise UnknownUploadError("This upload expired meanwhile.")
            staged.move_to(folder / f"{number:05d}-{md5}")
            for path in earlier:
                if path.name != f"{number:05d}-{md5}":
                    path.unlink(missing_ok=True)
        os.utime(folder)
        return f'"{md5}"'

    def parts(self, upload: str, connector: str, key: str) -> list[PartFile]:
        """Stored parts, in order.

        Raises:
            UnknownUploadError: there is no such upload of this object, or it is complete.
        """
        self.check(upload, connector, key)
        with self._lock_of(upload):
            found = sorted((self._root / upload).glob("*-*"))
            return [PartFile(int(path.name[:5]), f'"{path.name[6:]}"', path.stat().st_size) for path in found]

    def complete(self, upload: str, connector: str, key: str, parts: Sequence[CompletedPart]) -> None:
        """Join the parts into the object, in one step; the same request again gets the same answer.

        Raises:
            UnknownUploadError: there is no such upload of this object.
            BadUploadError: the parts are not listed in rising order, or one is missing or has another ETag.
        """
        folder = self._folder(upload, connector, key)
        names = _part_names(parts)
        with self._lock_of(upload):
            done = folder / "complete.json"
            if done.exists():
                if json.loads(done.read_bytes()) != names:
                    raise BadUploadError("This upload was completed with other parts.")
                return
            self._join(folder, names, connector, key)
            with full_disk_errors():
                self._write_json(done, names)
        for path in folder.glob("*-*"):
            path.unlink(missing_ok=True)

    def drop_expired(self) -> None:
        """Remove uploads without a change for their lifetime, complete or not."""
        for folder in list(self._root.iterdir()):
            with suppress(FileNotFoundError):  # Another thread was quicker.
                if folder.stat().st_mtime < time.time() - self._life:
                    shutil.rmtree(folder, ignore_errors=True)

    def _write_json(self, path: Path, value: object) -> None:
        draft = path.with_suffix(".draft")
        with draft.open("w") as file:
            json.dump(value, file)
            if self._store.fsync:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
        if self._store.fsync:
            sync_names(path, self._root)

    def _lock_of(self, upload: str) -> threading.Lock:
        return self._locks[hash(upload) % len(self._locks)]

    def _join(self, folder: Path, names: list[str], connector: str, key: str) -> None:
        for name in names:
            if not (folder / name).is_file():
                raise BadUploadError(f"Part {int(name[:5])} was not uploaded, or has another ETag.")
        with self._store.stage() as staged:
            for name in names:
                with (folder / name).open("rb") as part:
                    staged.append_file(part)
            staged.commit(connector, key)

    def _folder(self, upload: str, connector: str, key: str) -> Path:
        if not (len(upload) == 32 and upload.isalnum() and upload.isascii()):
            raise UnknownUploadError("There is no such upload.")
        folder = self._root / upload
        try:
            known = _UploadTarget(**json.loads((folder / "upload.json").read_bytes()))
        except FileNotFoundError as error:
            raise UnknownUploadError("There is no such upload; it may have expired.") from error
        if (known.connector, known.key) != (connector, key):
            raise UnknownUploadError("There is no such upload of this object.")
        return folder


def _part_names(parts: Sequence[CompletedPart]) -> list[str]:
    if not parts:
        raise BadUploadError("An upload is completed with at least one part.")
    numbers = [part.number for part in parts]
    if numbers != sorted(set(numbers)) or not 1 <= numbers[0] <= numbers[-1] <= PARTS_AT_MOST:
        raise BadUploadError(f"Parts are listed once each, in rising order, numbered from 1 to {PARTS_AT_MOST}.")
    names = []
    for part in parts:
        etag = part.etag.strip().strip('"').lower()
        if not (len(etag) == 32 and etag.isalnum() and etag.isascii()):
            raise BadUploadError(f"Part {part.number} has an invalid ETag.")
        names.append(f"{part.number:05d}-{etag}")
    return names
