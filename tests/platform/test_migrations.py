"""Homes of earlier builds: opened, migrated one version after the other, and everything in them still there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from datalake_ops.platform.store import schema
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.store.migrations import MigrationError
from datalake_ops.testing import PlatformServer
from tests.platform.lakes import LakeApi

HOMES = Path(__file__).parent / "homes"
# Made with the build that had version 3: its admin's token, and the one of an organization made by the admin routes.
FIRST, SECOND = "dlo_token_of_an_earlier_version", "dlo_oC0Gr21VWqVCCJOybNSn3-1TuICSbQhRNuxZUw3XFJ0"

Structure = dict[str, set[tuple[object, ...]]]


def a_database(folder: Path, version: int) -> Path:
    """A database as the build of a version left it."""
    path = folder / "datalake.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript((HOMES / f"version_{max(version, 2)}.sql").read_text())
        if version == 1:  # The second version only added the log of changes.
            triggers = database.execute("SELECT name FROM sqlite_master WHERE name GLOB 'change_*'").fetchall()
            for (name,) in triggers:
                database.execute(f"DROP TRIGGER {name}")
            database.execute("DROP TABLE change")
            database.execute("UPDATE installation SET value = '1' WHERE name = 'schema_version'")
        database.commit()
    return path


def structure(path: Path) -> Structure:
    """Tables with their columns, foreign keys and indexes, and triggers with their words; columns in any order."""
    with closing(sqlite3.connect(path)) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: Structure = {}
        for name in names:
            found[name] = {("column", *row[1:]) for row in database.execute(f"PRAGMA table_xinfo({name})")}
            found[name] |= {("key", *row[2:]) for row in database.execute(f"PRAGMA foreign_key_list({name})")}
            found[name] |= {("index", *row[2:]) for row in database.execute(f"PRAGMA index_list({name})")}
        triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        return {**found, "triggers": {(name, " ".join(sql.split())) for name, sql in triggers}}


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_migrated_database_is_the_same_as_a_new_one(tmp_path: Path, version: int) -> None:
    new, old = tmp_path / "new.db", a_database(tmp_path, version)

    for path in (new, old):
        Database(path).close()

    assert structure(old) == structure(new)
    with closing(sqlite3.connect(old)) as database:
        assert database.execute("SELECT value FROM installation").fetchall() == [(str(schema.SCHEMA_VERSION),)]
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def test_the_home_of_an_earlier_build_is_served(tmp_path: Path) -> None:
    a_database(tmp_path, 3)

    with PlatformServer(home=tmp_path, token=FIRST) as server:
        first, second = LakeApi(server), LakeApi(server, SECOND)
        admin = {token: LakeApi(server, token).call("GET", "/_admin/faults") for token in (FIRST, SECOND)}
        found = {data["filename"]: data for data in first.all_data()}
        projections = first.json("GET", f"/api/data/{found['a.jpg']['id']}/projections")
        added = second.a_data()

    assert set(found) == {"a.jpg", "b.jpg"}
    assert [tag["name"] for tag in found["a.jpg"]["tags"]] == ["front"]
    assert found["a.jpg"]["custom_metadata"] == {"k": 1}
    assert {projection["name"] for projection in projections["items"]} == {"small", "thumbnail"}
    assert added["upload_status"] == "DONE"
    assert {token: answer.status_code for token, answer in admin.items()} == {FIRST: 200, SECOND: 403}


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = a_database(tmp_path, 3)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE data SET lake_key = 99 WHERE filename = 'a.jpg'")
        database.commit()
    before = structure(path)

    with pytest.raises(MigrationError, match="version 3 left"):
        Database(path)

    assert structure(path) == before
