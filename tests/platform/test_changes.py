"""The log of changes: everything once, in order, and each data as it was when it happened."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.wire.changes import ChangedData, ChangePage
from datalake_ops.wire.data import Data


@pytest.fixture
def lake(datalake_platform: PlatformServer) -> Iterator[DatalakeHook]:
    with datalake_platform.hook(datalake_id=datalake_platform.add_lake(f"changes-{uuid4().hex[:8]}")) as hook:
        yield hook


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    made = [tmp_path / f"{number}.png" for number in range(5)]
    for path in made:
        Image.effect_noise((32, 32), 90).save(path)
    return made


def upload(lake: DatalakeHook, files: list[Path], **options: object) -> list[Data]:
    done = lake.upload(files, **options)
    assert not done.failed
    return list(done.data)


def everything(lake: DatalakeHook, cursor: str, limit: int = 1000) -> list[ChangePage]:
    """Every page after a cursor."""
    pages = [lake.list_changes(cursor, limit=limit)]
    while pages[-1].more:
        pages.append(lake.list_changes(pages[-1].cursor, limit=limit))
    return pages


def test_without_a_cursor_one_learns_only_where_the_log_ends(lake: DatalakeHook, files: list[Path]) -> None:
    upload(lake, files[:1])

    page = lake.list_changes()

    assert (page.data, page.jobs, page.more, page.lost) == ((), (), False, False)
    assert lake.list_changes(page.cursor).data == ()


def test_an_upload_became_ready_and_was_tagged_at_once(lake: DatalakeHook, files: list[Path]) -> None:
    start = lake.list_changes().cursor

    [data] = upload(lake, files[:1], tags=["raw", "night"], source="camera")

    [page] = everything(lake, start)
    [changed] = page.data
    assert changed == ChangedData(
        id=data.id, became_ready=True, tagged=("raw", "night"), tags=("raw", "night"), source="camera"
    )
    assert lake.list_changes(page.cursor).data == ()


def test_a_tag_put_on_old_data_is_a_change_once(lake: DatalakeHook, files: list[Path]) -> None:
    data = upload(lake, files[:2])
    start = lake.list_changes().cursor

    for _ in range(2):
        lake.add_tags(data[:1], ["checked"])

    [changed] = [one for page in everything(lake, start) for one in page.data]
    assert (changed.id, changed.became_ready, changed.tagged) == (data[0].id, False, ("checked",))


def test_a_file_that_cannot_be_read_is_never_ready(lake: DatalakeHook, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    start = lake.list_changes().cursor

    lake.upload([tmp_path / "broken.png"], tags=["raw"])

    assert [(one.became_ready, one.ready) for page in everything(lake, start) for one in page.data] == [(False, False)]


def test_an_import_is_told_when_its_files_were_read(
    lake: DatalakeHook, datalake_platform: PlatformServer, files: list[Path]
) -> None:
    folder = datalake_platform.bucket / uuid4().hex
    folder.mkdir()
    for path in files:
        path.rename(folder / path.name)
    start = lake.list_changes().cursor

    job = lake.wait_for_job(lake.import_bucket_objects([f"{folder.name}/"], tags=["raw"]), timeout=240)

    pages = everything(lake, start)
    became = [one for page in pages for one in page.data if one.became_ready]
    assert len(became) == 5
    assert all(one.tags == ("raw",) for one in became)
    assert [(ended.id, ended.status) for page in pages for ended in page.jobs] == [(job.id, job.status)]


def test_pages_of_any_size_tell_the_same_and_tear_no_registration_apart(lake: DatalakeHook, files: list[Path]) -> None:
    start = lake.list_changes().cursor
    data = upload(lake, files, tags=["a", "b"])

    for limit in range(1, 8):
        pages = everything(lake, start, limit)
        told = [one for page in pages for one in page.data]
        assert [one.id for one in told if one.became_ready] == [one.id for one in told]
        assert {one.id for one in told} == {one.id for one in data}
        assert all(set(one.tagged) == set(one.tags) == {"a", "b"} for one in told)


def test_a_page_tells_how_data_were_then_not_how_they_are_now(lake: DatalakeHook, files: list[Path]) -> None:
    start = lake.list_changes().cursor
    [data] = upload(lake, files[:1], tags=["raw"])
    between = lake.list_changes().cursor
    lake.add_tags([data], ["checked"])

    [until] = lake.list_changes(start, until=between).data

    assert until.tags == ("raw",)
    assert lake.list_changes(between).data[0].tags == ("raw", "checked")


def test_lakes_do_not_hear_of_each_other(
    lake: DatalakeHook, datalake_platform: PlatformServer, files: list[Path]
) -> None:
    start = lake.list_changes().cursor
    with datalake_platform.hook(datalake_id=datalake_platform.add_lake(uuid4().hex)) as other:
        upload(other, files[:1])

    page = lake.list_changes(start)

    assert page.data == ()
    # Nobody reads over the others' changes twice.
    assert int(page.cursor) > int(start)


def test_data_that_were_deleted_meanwhile_are_left_out(lake: DatalakeHook, files: list[Path]) -> None:
    start = lake.list_changes().cursor
    data = upload(lake, files[:2])

    lake.delete_data(data[0])

    assert [one.id for page in everything(lake, start) for one in page.data] == [data[1].id]


def test_a_cursor_from_another_database_is_told_to_have_lost_something(lake: DatalakeHook) -> None:
    page = lake.list_changes("9999999999")

    assert page.lost
    assert not lake.list_changes(page.cursor).lost


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", str(2**63)])
def test_what_is_no_cursor_is_refused(datalake_platform: PlatformServer, lake: DatalakeHook, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor is not one"):
        lake.list_changes(cursor)


def test_old_changes_are_dropped_and_who_missed_them_is_told(
    datalake_platform: PlatformServer, lake: DatalakeHook, files: list[Path]
) -> None:
    start = lake.list_changes().cursor
    upload(lake, files)
    kept = lake.list_changes(start, limit=1).cursor

    with closing(sqlite3.connect(datalake_platform.home / "datalake.db", timeout=60)) as database, database:
        database.execute("DELETE FROM change WHERE seq <= ?", (int(kept),))

    assert lake.list_changes(start).lost
    assert len(lake.list_changes(start).data) == 4
    assert not lake.list_changes(kept).lost
