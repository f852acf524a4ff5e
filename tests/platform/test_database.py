"""The writer: changes of many callers in one commit, each undone alone when it fails."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sqlite3 import IntegrityError, OperationalError

import pytest
from sqlalchemy import Connection

from datalake_ops.platform.bootstrap import add_organization
from datalake_ops.platform.store.database import Database, ReadTooLongError
from datalake_ops.platform.store.disk_space import DiskFullError, DiskReserve
from datalake_ops.platform.store.raw import execute
from datalake_ops.platform.store.types import from_microseconds, new_id, now, to_microseconds
from datalake_ops.platform.store.writer import WriterClosedError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "test.db")
    yield database
    database.close()


def put(name: str) -> Callable[[Connection], str]:
    """A change that writes one row."""

    def change(connection: Connection) -> str:
        execute(connection, "INSERT INTO installation VALUES (?, ?)", (name, "x"))
        return name

    return change


def names(database: Database) -> set[str]:
    rows = database.read_sync(lambda c: execute(c, "SELECT name FROM installation").fetchall())
    return {row[0] for row in rows} - {"schema_version"}


def test_one_failing_change_of_a_group_is_undone_alone(database: Database) -> None:
    def half(connection: Connection) -> None:
        put("half")(connection)
        raise ValueError("on purpose")

    async def all_at_once() -> list[object]:
        changes = [put("one"), half, put("one"), put("two")]
        return await asyncio.gather(*(database.write(change) for change in changes), return_exceptions=True)

    first, failed, doubled, last = asyncio.run(all_at_once())

    assert (first, last) == ("one", "two")
    assert isinstance(failed, ValueError)
    assert isinstance(doubled, IntegrityError)
    assert names(database) == {"one", "two"}


def test_writers_from_many_threads_and_loops_all_get_their_answer(database: Database) -> None:
    def write(number: int) -> str:
        if number % 2:
            return database.write_sync(put(f"n{number}"))
        return asyncio.run(database.write(put(f"n{number}")))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(write, range(100))) == [f"n{number}" for number in range(100)]

    assert len(names(database)) == 100


def test_a_prepared_change_reports_what_its_preparation_raised(database: Database) -> None:
    def failing() -> Callable[[Connection], str]:
        raise ValueError("unreadable")

    with pytest.raises(ValueError, match="unreadable"):
        asyncio.run(database.write_prepared(failing))
    assert asyncio.run(database.write_prepared(lambda: put("ready"))) == "ready"


def test_a_caller_that_goes_away_does_not_stop_the_writer(database: Database) -> None:
    async def cancelled() -> None:
        task = asyncio.ensure_future(database.write(put("left")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())

    assert database.write_sync(put("next")) == "next"


def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(OperationalError, match="readonly"):
        database.read_sync(put("never"))


def test_a_closed_database_takes_no_change(tmp_path: Path) -> None:
    database = Database(tmp_path / "closed.db")
    database.close()

    with pytest.raises(WriterClosedError):
        database.write_sync(put("late"))


def test_counters_follow_every_way_a_row_comes_and_goes(database: Database) -> None:
    database.write_sync(lambda connection: add_organization(connection, "counted"))
    insert = (
        "INSERT INTO data (lake_key, id, object_name, filename, type, content_type, upload_status, created_at)"
        " VALUES (1, ?, ?, 'f', 'IMAGE', 'image/jpeg', 'PENDING', 0)"
    )
    tag = (
        "INSERT INTO tag (id, organization_id, lake_key, name, target_type, created_at) SELECT ?, id, 1, 't', 'DATA', 0"
    )

    def fill(connection: Connection) -> None:
        for number in range(4):
            execute(connection, insert, (new_id().bytes, f"o{number}"))
        execute(connection, f"{tag} FROM organization", (new_id().bytes,))
        execute(connection, "INSERT INTO data_tag SELECT 1, seq FROM data")
        execute(connection, "UPDATE data SET upload_status = 'DONE' WHERE seq <= 2")
        execute(connection, "DELETE FROM data WHERE seq = 1 OR seq = 4")

    database.write_sync(fill)

    counts = database.read_sync(lambda c: execute(c, "SELECT upload_status, count FROM lake_count").fetchall())
    assert dict(counts) == {"PENDING": 1, "DONE": 1}
    assert database.read_sync(lambda c: execute(c, "SELECT data_count FROM tag").fetchone()) == (2,)


def test_new_ids_are_uuids_in_the_order_of_time() -> None:
    ids = [new_id() for _ in range(2000)]

    assert {one.version for one in ids} == {7}
    assert len(set(ids)) == 2000
    assert sorted(ids, key=lambda one: one.int >> 80) == ids


def test_a_moment_is_kept_to_the_microsecond() -> None:
    moment = now()

    assert from_microseconds(to_microseconds(moment)) == moment


def test_a_read_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    database = Database(tmp_path / "slow.db", read_seconds=0.05)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"

    with pytest.raises(ReadTooLongError):
        database.read_sync(lambda connection: execute(connection, endless).fetchone())

    assert database.read_sync(lambda connection: execute(connection, "SELECT 1").fetchone()) == (1,)
    database.close()


def test_a_full_disk_is_told_to_every_change_of_the_group_and_the_next_ones_go_on(database: Database) -> None:
    def too_large(connection: Connection) -> None:
        execute(connection, "INSERT INTO installation VALUES ('large', ?)", ("x" * 2**20,))

    async def all_at_once() -> list[object]:
        changes = [put("one"), too_large, put("two")]
        return await asyncio.gather(*(database.write(change) for change in changes), return_exceptions=True)

    pages = database.write_sync(lambda connection: execute(connection, "PRAGMA page_count").fetchone()[0])
    # SQLite says the same of a file that may not grow as of a full disk.
    database.write_sync(lambda connection: execute(connection, f"PRAGMA max_page_count = {pages + 8}").fetchone())
    answers = asyncio.run(all_at_once())

    assert isinstance(answers[1], DiskFullError)
    stored = {answer for answer in answers if isinstance(answer, str)}
    assert all(isinstance(answer, (str, DiskFullError)) for answer in answers)
    assert names(database) == stored
    assert database.write_sync(put("three")) == "three"


def test_an_essential_change_gets_the_room_of_the_reserve(database: Database) -> None:
    def full_at_first(connection: Connection) -> str:
        if database.reserve.is_held():
            raise OSError(errno.ENOSPC, "on purpose")
        return put("essential")(connection)

    database.write_sync(put("one"))

    assert database.write_sync(full_at_first, essential=True) == "essential"
    assert names(database) == {"one", "essential"}
    until(database.reserve.is_held)


def test_without_room_for_the_reserve_nothing_is_stored(tmp_path: Path) -> None:
    reserve = DiskReserve(tmp_path / "reserve", size=2**60)

    with pytest.raises(DiskFullError, match="Storage full"):
        reserve.check()

    assert not (tmp_path / "reserve").exists()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
