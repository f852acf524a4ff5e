"""Lake's bucket: a folder that users drop files into; an object's name is its path below the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from datalake_ops.platform.objects.folder_store import NO_FOLLOW, regular_file
from datalake_ops.platform.objects.names import BadNameError, check_object_name


@dataclass(frozen=True, slots=True)
class BucketEntry:
    """File of a bucket; `name` may not be a valid object name (bytes that are no text)."""

    name: str
    size: int
    changed_ns: int

    @property
    def etag(self) -> str:
        """Text that differs once the file is overwritten."""
        return etag(self.changed_ns, self.size)


class Bucket:
    """Read-only view of a folder; symbolic links in it are never followed."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root.resolve()

    def open(self, name: str) -> BinaryIO:
        """Open a file of the bucket; raises FileNotFoundError if it does not exist, BadNameError for an unsafe name."""
        *folders, last = check_object_name(name).split("/")
        try:
            with self._folder(folders) as folder:
                return regular_file(os.open(last, NO_FOLLOW, dir_fd=folder))
        except OSError as error:
            raise FileNotFoundError(f"The bucket has no object {name!r}.") from error

    def stat(self, name: str) -> BucketEntry | None:
        """Size and time of a file, None if it does not exist."""
        try:
            with self.open(name) as file:
                facts = os.fstat(file.fileno())
        except (FileNotFoundError, BadNameError):
            return None
        return BucketEntry(name, facts.st_size, facts.st_mtime_ns)

    def level(self, folder: str, limit: int) -> tuple[list[BucketEntry | str], bool]:
        """List what lies directly in a folder (its name ends with a slash; the empty text is the root).

        Returns the first `limit` files, and folders as their names with a slash, in order; and whether there is more.
        """
        found = self._entries(folder.split("/")[:-1], "")
        level: list[BucketEntry | str] = [
            f"{folder}{name}" if facts is None else BucketEntry(f"{folder}{name}", facts.st_size, facts.st_mtime_ns)
            for name, facts in found[:limit]
        ]
        return level, len(found) > limit

    def walk(self, prefixes: Sequence[str], after: str = "") -> Iterator[BucketEntry]:
        """List the files whose name starts with one of `prefixes`, in the order of names, after the name `after`.

        The order is that of Unicode code points, which is also that of the UTF-8 bytes.
        """
        for prefix in minimal_prefixes(prefixes):
            *folders, stem = prefix.split("/")
            yield from self._walk(folders, stem, after)

    def _walk(self, folders: list[str], stem: str, after: str) -> Iterator[BucketEntry]:
        lead = "".join(f"{folder}/" for folder in folders)
        for name, facts in self._entries(folders, stem):
            path = lead + name
            if facts is not None:
                if path > after:
                    yield BucketEntry(path, facts.st_size, facts.st_mtime_ns)
            elif path > after or after.startswith(path):
                yield from self._walk([*folders, name[:-1]], "", after)

    def _entries(self, folders: list[str], stem: str) -> list[tuple[str, os.stat_result | None]]:
        # A folder sorts with its slash, so that walking in this order yields full names in order.
        found: list[tuple[str, os.stat_result | None]] = []
        try:
            with self._folder(folders) as folder, os.scandir(folder) as entries:
                for entry in entries:
                    if not entry.name.startswith(stem):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        found.append((f"{entry.name}/", None))
                    elif entry.is_file(follow_symlinks=False):
                        found.append((entry.name, entry.stat(follow_symlinks=False)))
        except (FileNotFoundError, NotADirectoryError):
            return found
        return sorted(found, key=itemgetter(0))

    @contextmanager
    def _folder(self, folders: Sequence[str]) -> Iterator[int]:
        """Descend folder by folder, so that no link can lead outside at any depth."""
        descriptor = os.open(self.root, NO_FOLLOW | os.O_DIRECTORY)
        try:
            for name in folders:
                inner = os.open(name, NO_FOLLOW | os.O_DIRECTORY, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)


def etag(changed_ns: int, size: int) -> str:
    """ETag of a file, without quotes, from its time of change and its size."""
    return f"{changed_ns:x}-{size:x}"


def check_prefix(prefix: str) -> str:
    """Return the prefix without leading slashes; `/` and the empty text mean the whole bucket.

    Raises:
        BadNameError: no object name could start so.
    """
    prefix = prefix.lstrip("/")
    if prefix:
        # The text after the last slash may be the start of a longer name: complete it before the check.
        check_object_name(f"{prefix}x")
        if any(part in (".", "..") for part in prefix.split("/")[:-1]):
            raise BadNameError(f"The prefix {prefix!r} leaves the bucket.")
    return prefix


def minimal_prefixes(prefixes: Sequence[str]) -> list[str]:
    """Sort prefixes and drop those that another one covers, so that no object is listed twice."""
    kept: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return kept
