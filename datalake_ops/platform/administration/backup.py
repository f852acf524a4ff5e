"""Backups: a copy of a home that is consistent while it is served, and a home made from one."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

from datalake_ops.platform.administration.home import DATABASE, AdministrationError, find_database, schema_version
from datalake_ops.platform.objects.folder_store import object_path

_NOTE = "backup.json"
_OBJECTS = "objects"
# Buckets are the users' files; only those below the home are part of it.
_BUCKETS = ("bucket", "buckets")
_OBJECT_NAMES = (
    "SELECT l.connector_id, d.object_name FROM data d JOIN lake l ON l.key = d.lake_key"
    " WHERE d.etag IS NULL"  # Imported data lie in the bucket.
    " UNION SELECT l.connector_id, p.object_name FROM projection p JOIN data d ON d.seq = p.data_seq"
    " JOIN lake l ON l.key = d.lake_key"
)
_TURNS = 10
Transfer = Callable[[Path, Path], None]


@dataclass(frozen=True)
class Backup:
    """Contents of a backup: its schema version, the number of objects and their bytes."""

    schema_version: int
    objects: int
    bytes: int


def back_up(home: Path, destination: Path) -> Backup:
    """Copy a home to a new folder, which appears once it is whole; the home may be served meanwhile.

    Raises:
        AdministrationError: the home is none, or the folder exists.
    """
    find_database(home)
    if destination.absolute().is_relative_to(home.absolute()):
        raise AdministrationError(
            f"{destination} lies in the home itself. Give a folder outside; a snapshot lies inside."
        )
    if destination.exists():
        raise AdministrationError(f"{destination} exists already. Give a new folder.")
    draft = new_draft(destination.with_name(f"{destination.name}.draft"))
    for name in _BUCKETS:
        if (home / name).is_dir():
            _copy_tree(home / name, draft / name)
    backup = copy_state(home, draft, _copy)
    os.sync()
    draft.rename(destination)
    return backup


def restore(backup: Path, home: Path) -> Backup:
    """Make a new home from a backup, which stays as it is.

    Raises:
        AdministrationError: it is no whole backup, or the home holds something already.
    """
    found = read_note(backup)
    if home.exists() and any(home.iterdir()):
        raise AdministrationError(f"{home} is not empty. Give a new folder as --home.")
    draft = new_draft(home.with_name(f"{home.name}.draft"))
    _copy_tree(backup, draft)
    (draft / _NOTE).unlink()
    os.sync()
    draft.rename(home)
    return found


def copy_state(home: Path, draft: Path, transfer: Transfer) -> Backup:
    """Copy database, secret and objects of a home to a folder, consistent with each other.

    A data's object is written before its row and deleted after it. So objects are copied before the rows and again
    after them, and nothing copied is taken away: a row lacks its object only if that came and went between the two, and
    then both are copied once more.

    Raises:
        AdministrationError: the home is none, or too much comes and goes.
    """
    database = find_database(home)
    _copy_objects(home / _OBJECTS, draft / _OBJECTS, transfer)
    missing: set[Path] | None = None
    for _ in range(_TURNS):
        _copy_database(database, draft / DATABASE)
        _copy_objects(home / _OBJECTS, draft / _OBJECTS, transfer)
        before, missing = missing, _missing(draft)
        # Missing twice is missing in the home too, as the files of a bucket are.
        if not missing or missing == before:
            break
    else:
        raise AdministrationError("Data come and go too quickly for a consistent copy. Try again, or stop the server.")
    _copy(home / "secret", draft / "secret")
    sizes = [path.stat().st_size for path in _files(draft / _OBJECTS)]
    backup = Backup(schema_version(draft / DATABASE), len(sizes), sum(sizes))
    (draft / _NOTE).write_text(json.dumps(asdict(backup)))
    return backup


def read_note(backup: Path) -> Backup:
    """Read what a backup says of itself.

    Raises:
        AdministrationError: it is no whole backup.
    """
    try:
        return Backup(**json.loads((backup / _NOTE).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise AdministrationError(f"{backup} is no whole backup: {error}.") from error


def new_draft(path: Path) -> Path:
    """Make an empty folder, in place of what a command that was killed left there."""
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(mode=0o700, parents=True)
    return path


def _copy_database(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as read,
        closing(sqlite3.connect(target)) as written,
    ):
        read.backup(written)
    target.chmod(0o600)


def _copy_objects(source: Path, target: Path, transfer: Transfer) -> None:
    target.mkdir(mode=0o700, exist_ok=True)
    for path in _files(source):
        _transfer_newer(path, target / path.relative_to(source), transfer)


def _transfer_newer(path: Path, target: Path, transfer: Transfer) -> None:
    try:
        facts = path.stat()
        if target.exists():
            known = target.stat()
            if (known.st_size, known.st_mtime_ns) == (facts.st_size, facts.st_mtime_ns):
                return
            target.unlink()
        target.parent.mkdir(parents=True, exist_ok=True)
        transfer(path, target)
    except FileNotFoundError:
        # Deleted by the server; the rows are copied again if one of them names it.
        target.unlink(missing_ok=True)


def _files(root: Path) -> Iterator[Path]:
    """Objects of a folder, without uploads in progress."""
    for first in sorted(root.iterdir()):
        if len(first.name) == 2 and first.is_dir():
            yield from (path for path in first.glob("*/*") if path.is_file())


def _missing(draft: Path) -> set[Path]:
    with closing(sqlite3.connect(draft / DATABASE)) as connection:
        names = connection.execute(_OBJECT_NAMES)
        paths = (object_path(draft / _OBJECTS, str(UUID(bytes=connector)), name) for connector, name in names)
        return {path for path in paths if not path.exists()}


def _copy(source: Path, target: Path) -> None:
    shutil.copy2(source, target)


def _copy_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
