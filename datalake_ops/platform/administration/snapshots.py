"""Snapshots: the state of a home kept inside it under a name, and put back; and a home emptied of its data."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, func, select

from datalake_ops.platform.administration.backup import Backup, copy_state, new_draft, read_note
from datalake_ops.platform.administration.home import (
    DATABASE,
    AdministrationError,
    find_database,
    hold,
    migrate_home,
    open_database,
)
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.types import from_microseconds

_FOLDER = "snapshots"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_STATE = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", "objects", "jobs")
# What a reset deletes; organizations, users, tokens, lakes, schemas and processings stay.
_CONTENT = (schema.job, schema.data, schema.tag, schema.source, schema.change)


@dataclass(frozen=True)
class Snapshot:
    """Snapshot as it is listed."""

    name: str
    created_at: datetime
    objects: int
    bytes: int


def take_snapshot(home: Path, name: str) -> Backup:
    """Keep the state of a home, served or not, under a name; objects are shared by hard links.

    Raises:
        AdministrationError: the name is taken, or is none; the home is none.
    """
    find_database(home)
    folder = _folder(home, name)
    if folder.exists():
        raise AdministrationError(f"A snapshot named {name!r} exists already.")
    draft = new_draft(folder.with_name(f".{name}"))
    # Safe, since an object is never changed in place: a new one is another file with its name.
    backup = copy_state(home, draft, os.link)
    draft.rename(folder)
    return backup


def list_snapshots(home: Path) -> list[Snapshot]:
    """List the snapshots of a home by name."""
    found = sorted((home / _FOLDER).glob("[!.]*"))
    return [_summary(folder) for folder in found]


def reset(home: Path, snapshot: str | None = None) -> None:
    """Put a snapshot back, or delete all data, tags, sources and jobs; no server may run meanwhile.

    Organizations, users, tokens, lakes and processings stay in a reset without snapshot. Buckets are left alone.

    Raises:
        AdministrationError: the home is served, programs of it run, or the snapshot does not exist.
    """
    migrate_home(home)
    folder = None if snapshot is None else _folder(home, snapshot)
    if folder is not None:
        read_note(folder)
    with hold(home):
        with open_database(home) as database:
            running = database.read_sync(_running)
            if running:
                raise AdministrationError(
                    f"{running} programs of jobs may still run. Serve the home and end them first."
                )
            if folder is None:
                database.write_sync(_delete_content)
        if folder is None:
            _clear(home, ("objects", "jobs"))
        else:
            _put_back(home, folder)


def _put_back(home: Path, folder: Path) -> None:
    _clear(home, _STATE)
    shutil.copytree(folder / "objects", home / "objects", copy_function=os.link)
    shutil.copy2(folder / DATABASE, home / DATABASE)


def _clear(home: Path, names: tuple[str, ...]) -> None:
    for name in names:
        path = home / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _running(connection: Connection) -> int:
    return int(connection.scalar(select(func.count()).where(schema.job.c.held.is_not(None))) or 0)


def _delete_content(connection: Connection) -> None:
    connection.execute(delete(schema.token).where(schema.token.c.job_id.is_not(None)))
    for table in _CONTENT:
        connection.execute(delete(table))


def _folder(home: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise AdministrationError(
            "A snapshot's name has letters, digits, '.', '_' and '-', and begins with one of the first two."
        )
    return home / _FOLDER / name


def _summary(folder: Path) -> Snapshot:
    note = read_note(folder)
    made = from_microseconds((folder / DATABASE).stat().st_mtime_ns // 1000)
    return Snapshot(folder.name, made, note.objects, note.bytes)
