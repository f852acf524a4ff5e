"""Home folder of an installation: private to its owner, and apart from the buckets whose files are objects."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from datalake_ops.platform.settings import Settings

_FOLDERS = ("objects", "jobs", "buckets", "copies")
_FILES = (
    *("secret", "lock", "reserve", "server.json", "server.log"),
    *("datalake.db", "datalake.db-wal", "datalake.db-shm", "datalake.db-journal"),
)
# Files by which a folder is known as the home of an installation.
_MARKS = ("secret", "datalake.db")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class UnsafeHomeError(OSError):
    """The home is open to other users, or a bucket has a part of it among its objects; the text has the remedy."""


def make_private(settings: Settings) -> None:
    """Take the rights of other users from the home and its parts; a bucket in it keeps its own mode.

    Raises:
        UnsafeHomeError: the home is another user's, or holds files that are no platform's.
    """
    home = settings.home
    if home.stat().st_mode & _OTHERS and not _is_own(settings):
        raise UnsafeHomeError(
            f"{_mode_words(home)} and holds files that are not this platform's; give another --home, or allow it by "
            f"chmod 700 {shlex.quote(str(home))}"
        )
    for path in (home.resolve(), *(home / name for name in (*_FOLDERS, *_FILES))):
        # A link leads to what somebody else keeps there.
        if path.is_symlink() or not path.exists() or not path.stat().st_mode & _OTHERS:
            continue
        try:
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_OTHERS)
        except PermissionError as error:
            raise UnsafeHomeError(
                f"{_mode_words(path)} and belongs to another user; run chmod go= {shlex.quote(str(path))}"
            ) from error


def check_bucket(home: Path, bucket: Path) -> None:
    """Check that no part of the home is an object of the bucket, through links and mounts too.

    Raises:
        UnsafeHomeError: the bucket contains the home or a part of it, or lies in a part of it.
    """
    for part in (home, *(home / name for name in (*_FOLDERS, *_FILES))):
        if _contains(bucket, part):
            raise UnsafeHomeError(
                f"the bucket {bucket} contains {part}: whoever reads objects could read it. Give a --bucket apart from "
                "the home, or a folder of its own within it."
            )
    for name in (*_FOLDERS, *_FILES):
        if _contains(home / name, bucket):
            raise UnsafeHomeError(
                f"the bucket {bucket} lies in {home / name}, which is the platform's own. Give another --bucket."
            )


def check_own_bucket(home: Path, bucket: Path) -> None:
    """Check a bucket that the platform made in its home for an organization, since a link may lead elsewhere.

    Raises:
        UnsafeHomeError: it contains the home or a part of it.
    """
    if bucket.resolve() != bucket.parent.resolve() / bucket.name:
        check_bucket(home, bucket)


def _is_own(settings: Settings) -> bool:
    names = {path.name for path in settings.home.iterdir()}
    with suppress(ValueError):
        names.discard(settings.bucket.relative_to(settings.home).parts[0])
    return not names - {*_FOLDERS, *_FILES} or any(name in names for name in _MARKS)


def _mode_words(path: Path) -> str:
    return f"{path} is open to other users (mode {stat.S_IMODE(path.stat().st_mode):04o})"


def _contains(outer: Path, inner: Path) -> bool:
    """Return True if `inner` is `outer` or lies below it; by name after links, and by file for what exists."""
    real = inner.resolve()
    line = (real, *real.parents)
    if outer.resolve() in line:
        return True
    return outer.exists() and any(os.path.samestat(outer.stat(), one) for one in _stats(line))


def _stats(paths: tuple[Path, ...]) -> Iterator[os.stat_result]:
    for path in paths:
        if path.exists():
            yield path.stat()
