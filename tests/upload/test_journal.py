"""The journal: what is written is there for the next run, and what cannot be written is told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalake_ops.errors import ConfigurationError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.upload.journal.open import open_journal
from datalake_ops.upload.journal.segments import SegmentJournal
from datalake_ops.upload.journal.sqlite import SqliteJournal
from datalake_ops.upload.journal.steps import FileProgress, Journal, JournalError, State, Step, progress_by_path
from datalake_ops.upload.journal.writer import JournalWriter
from tests.upload.pictures import a_picture

LAKE = UUID("33333333-3333-4333-8333-333333333333")
ODD_NAMES = ["a\udcff/b.png", "new\nline.png", 'quo"te.png', "日本.png", "/a/b\0" + "2"]


def a_step(path: str = "/a.png", state: State = State.NAMED, **facts: object) -> Step:
    return Step(path, state, **{"size": 5, "modified_ns": 7, "digest": "d", **facts})  # type: ignore[arg-type]


def a_file(folder: Path, lake: UUID = LAKE) -> Journal:
    return SqliteJournal(folder / "deep" / "journal.db", lake)


def a_folder(folder: Path, lake: UUID = LAKE) -> Journal:
    return SegmentJournal(f"file://{folder}/journal", lake)


OPEN = pytest.mark.parametrize("journal", [a_file, a_folder], ids=["file", "url"])


@OPEN
def test_the_next_run_finds_the_last_step_of_each_file(journal: Callable[..., Journal], tmp_path: Path) -> None:
    data_id = uuid4()
    first = journal(tmp_path)
    first.write([a_step(), a_step("/b.png", object_name="o")])
    first.write([a_step(state=State.STORED, object_name="x")])
    first.write([a_step(state=State.REGISTERED, object_name="x", data_id=data_id)])
    first.close()

    second = journal(tmp_path)
    found = second.find(["/a.png", "/b.png", "/c.png"])
    second.close()

    assert sorted(found) == ["/a.png", "/b.png"]
    assert found["/a.png"].step == a_step(state=State.REGISTERED, object_name="x", data_id=data_id)
    assert found["/b.png"].step.state is State.NAMED


@OPEN
def test_only_the_parts_of_the_last_multipart_upload_count(journal: Callable[..., Journal], tmp_path: Path) -> None:
    first = journal(tmp_path)
    for upload in ("given up", "last"):
        first.write([a_step(state=State.PARTS, object_name="o", upload_id=upload)])
        for part in (1, 2, 3) if upload == "given up" else (2,):
            first.write([a_step(state=State.PART, part=part, etag=f"{upload} {part}", upload_id=upload)])
    first.close()

    second = journal(tmp_path)
    trace = second.find(["/a.png"])["/a.png"]
    second.close()

    assert trace.step.upload_id == "last"
    assert trace.etags == {2: "last 2"}


@OPEN
def test_lakes_do_not_mix(journal: Callable[..., Journal], tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.write([a_step()])
    first.close()

    second = journal(tmp_path, uuid4())
    found = second.find(["/a.png"])
    second.close()

    assert found == {}


@OPEN
def test_any_file_name_comes_back(journal: Callable[..., Journal], tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.write([a_step(name) for name in ODD_NAMES])
    first.close()

    second = journal(tmp_path)
    found = second.find(ODD_NAMES)
    second.close()

    assert sorted(found) == sorted(ODD_NAMES)


def test_half_a_line_is_passed_over(tmp_path: Path) -> None:
    first = a_folder(tmp_path)
    first.write([a_step(), a_step("/b.png")])
    last = sorted((tmp_path / "journal").iterdir())[-1]
    last.write_text(last.read_text()[:-20])

    found = a_folder(tmp_path).find(["/a.png", "/b.png"])

    assert sorted(found) == ["/a.png"]


def test_a_second_run_on_the_same_file_is_refused(tmp_path: Path) -> None:
    first = a_file(tmp_path)

    with pytest.raises(ConfigurationError, match="Another run has the journal"):
        a_file(tmp_path)

    first.close()
    a_file(tmp_path).close()


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("These are my notes, and they are longer than the header of a database. " * 20)
    newer = tmp_path / "newer.db"
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(ConfigurationError, match="not a database"):
        SqliteJournal(text, LAKE)
    with pytest.raises(ConfigurationError, match="has format 99"):
        SqliteJournal(newer, LAKE)

    assert text.read_text().startswith("These are my notes")


@pytest.mark.parametrize("place", ["/proc/journal.db", "/dev/null/journal.db", "nothing://journal"])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_sent(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path, place: str
) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used"):
        lake.upload(a_picture(tmp_path / "a.png"), journal=place)

    assert [one for one in datalake_platform.requests() if one["method"] != "GET"] == []


FULL = textwrap.dedent("""
    import json, resource, signal, sys
    from datalake_ops.config import Connection
    from datalake_ops.hook import DatalakeHook

    job = json.loads(sys.argv[1])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (job["bytes"], job["bytes"]))
    with DatalakeHook(**job["hook"]) as hook:
        report = hook.upload(job["paths"], journal=job["journal"], max_workers=2)
    print(json.dumps({"counts": report.counts(), "notes": report.notes}))
""")


def upload_on_a_disk_of(size: int, lake: DatalakeHook, folder: Path, count: int) -> subprocess.CompletedProcess[str]:
    connection = lake.connection
    job = {
        "bytes": size,
        "hook": {
            "host": connection.host,
            "api_token": connection.api_token,
            "datalake_id": str(lake.context.datalake.id),
        },
        "paths": [str(a_picture(folder / f"{n}.png", (10 + n, 20))) for n in range(count)],
        "journal": str(folder / "journal.db"),
    }
    command = [sys.executable, "-c", FULL, json.dumps(job)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, check=False)


def test_a_full_disk_is_told_before_anything_is_sent(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    ended = upload_on_a_disk_of(1024, lake, tmp_path, 3)

    assert ended.returncode != 0
    assert "ConfigurationError" in ended.stderr
    assert "cannot be used" in ended.stderr
    assert lake.count_data() == 0


def test_a_disk_that_fills_up_does_not_stop_the_upload_and_is_told(lake: DatalakeHook, tmp_path: Path) -> None:
    ended = upload_on_a_disk_of(60_000, lake, tmp_path, 40)

    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report["counts"]["UPLOADED"] == 40
    assert "This run cannot be resumed" in report["notes"][0]
    assert ended.stderr.count("cannot be resumed from here") == 1
    assert lake.count_data() == 40


def test_a_full_journal_says_so(tmp_path: Path) -> None:
    journal = a_file(tmp_path)
    journal._connection.execute("PRAGMA max_page_count = 8")  # type: ignore[attr-defined]

    with pytest.raises(JournalError, match="full"):
        journal.write([a_step(f"/{number:0400}") for number in range(500)])

    # It can be read still.
    assert journal.find([f"/{0:0400}"]) == {}
    journal.close()


def test_what_was_written_outlives_a_kill(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import os, signal, sys
        from tests.upload.test_journal import a_file, a_step
        from pathlib import Path
        journal = a_file(Path(sys.argv[1]))
        journal.write([a_step()])
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=environment, check=False)

    assert ended.returncode == -signal.SIGKILL
    assert a_file(tmp_path).find(["/a.png"])


def test_a_path_without_a_scheme_is_a_file(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j", LAKE)
    journal.close()

    assert isinstance(journal, SqliteJournal)
    assert (tmp_path / "j").is_file()


STEPS = st.builds(
    lambda path, state, part, upload: a_step(
        path, state, part=part if state is State.PART else 0, etag=f"{upload}{part}", upload_id=upload
    ),
    st.sampled_from(["/a", "/b"]),
    st.sampled_from([State.NAMED, State.PARTS, State.PART, State.STORED]),
    st.integers(1, 3),
    st.sampled_from(["u", "v"]),
)


@given(st.lists(STEPS, max_size=20))
def test_the_last_step_wins_and_parts_belong_to_its_upload(steps: list[Step]) -> None:
    found = progress_by_path(steps)

    for path in ("/a", "/b"):
        whole = [step for step in steps if step.path == path and step.state is not State.PART]
        assert (path in found) == bool(whole)
        if whole:
            assert found[path].step == whole[-1]
            assert all(etag.startswith(whole[-1].upload_id or "") for etag in found[path].etags.values())


class Torn:
    """A journal whose every write and whose end fail in a way that nobody foresaw."""

    def find(self, paths: Sequence[str]) -> dict[str, FileProgress]:
        return {}

    def write(self, steps: Sequence[Step]) -> None:
        raise RuntimeError("torn")

    def close(self) -> None:
        raise RuntimeError("torn")


def test_a_journal_that_fails_in_an_unforeseen_way_keeps_nobody_waiting() -> None:
    async def main() -> str | None:
        recorder = JournalWriter(Torn())
        recorder.note(a_step())
        await asyncio.wait_for(recorder.keep(a_step()), 10)
        await asyncio.wait_for(recorder.keep(a_step()), 10)
        await recorder.close()
        return recorder.failure

    assert "torn" in str(asyncio.run(main()))


def test_the_objects_of_a_journal_are_read_together(tmp_path: Path) -> None:
    for number in range(200):
        journal = a_folder(tmp_path)
        journal.write([a_step(f"/{number}.png")])
        journal.write([a_step(f"/{number}.png", object_name=f"o{number}")])
        journal.close()

    found = a_folder(tmp_path).find([f"/{number}.png" for number in range(200)])

    assert [found[f"/{number}.png"].step.object_name for number in range(200)] == [
        f"o{number}" for number in range(200)
    ]
