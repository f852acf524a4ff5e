"""What must hold of a home after every kill, read from its files."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from uuid import UUID

from datalake_ops.platform.objects.folder_store import object_path

_OBJECTS = (
    "SELECT l.connector_id, d.object_name FROM data d JOIN lake l ON l.key = d.lake_key WHERE d.etag IS NULL"
    " UNION SELECT l.connector_id, p.object_name FROM projection p JOIN data d ON d.seq = p.data_seq"
    " JOIN lake l ON l.key = d.lake_key"
)
_JOBS = "SELECT id FROM job WHERE kind = 'PROCESSING'"
_COUNTED = "SELECT lake_key, upload_status, type, count FROM lake_count WHERE count <> 0"
_COUNTS = "SELECT lake_key, upload_status, type, count(*) FROM data GROUP BY 1, 2, 3"
_TAGGED = "SELECT key, data_count FROM tag WHERE data_count <> 0"
_TAGS = "SELECT tag_key, count(*) FROM data_tag GROUP BY 1"
_DAYS = 30


def age_objects(home: Path, young: Iterable[Path]) -> None:
    """Make every object a month old but those of uploads in progress."""
    old = time.time() - _DAYS * 24 * 3600
    for path in stored_objects(home) - set(young):
        os.utime(path, (old, old))


def stored_objects(home: Path) -> set[Path]:
    return {path for path in (home / "objects").glob("[0-9a-f][0-9a-f]/*/*") if path.is_file()}


def named_objects(home: Path) -> set[Path]:
    """Paths of the objects that a row names, whether they exist or not."""
    root = home / "objects"
    with closing(_open(home)) as database:
        named = [(UUID(bytes=connector), name) for connector, name in database.execute(_OBJECTS)]
        jobs = [UUID(bytes=job) for (job,) in database.execute(_JOBS)]
    named += [(UUID(int=0), f"jobs/{job}/payload.json") for job in jobs]
    return {object_path(root, str(connector), name) for connector, name in named}


def check_home(home: Path) -> None:
    """Assert that the database is sound, its counters are right, and every row has its object."""
    with closing(_open(home)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert set(database.execute(_COUNTED)) == set(database.execute(_COUNTS))
        assert set(database.execute(_TAGGED)) == set(database.execute(_TAGS))
    assert named_objects(home) - stored_objects(home) == set()


def _open(home: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{(home / 'datalake.db').as_uri()}?mode=ro", uri=True)
