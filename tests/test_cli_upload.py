"""`datalake-ops upload` as its users run it: sources, checks, tolerances, and a Ctrl-C in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from datalake_ops.cli import main
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.server import PlatformServer
from tests.pictures.files import ASCII, a_photo, a_raw, an_exif_block, saved


@pytest.fixture
def lake(datalake_platform: PlatformServer, monkeypatch: pytest.MonkeyPatch) -> DatalakeHook:
    name = f"lake-{uuid4().hex[:8]}"
    datalake_platform.add_lake(name)
    monkeypatch.setenv("DATALAKE_HOST", datalake_platform.url)
    monkeypatch.setenv("DATALAKE_API_TOKEN", datalake_platform.token)
    monkeypatch.setenv("DATALAKE_NAME", name)
    return DatalakeHook.from_env()


def photos_in(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("RGB", (4 + number % 50, 4 + number // 50)).save(folder / f"{number:03}.png")
    return folder


def test_exif_alone_leaves_the_path_behind_it_a_path(lake: DatalakeHook, tmp_path: Path) -> None:
    block = an_exif_block((0x010F, ASCII, b"Canon\0"), exif=[(0x9003, ASCII, b"2024:05:06 07:08:09\0")])
    (tmp_path / "a.jpg").write_bytes(saved(a_photo(), "JPEG", exif=block))

    assert main(["upload", "--exif", str(tmp_path / "a.jpg")]) == 0
    assert lake.list_data()[0].metadata == {"manufacturer": "Canon"}

    assert main(["upload", "--exif", "full", "--if-exists", "upload", str(tmp_path / "a.jpg")]) == 0
    moments = {(data.metadata or {}).get("acquired_at") for data in lake.list_data()}
    assert moments == {None, "2024-05-06T07:08:09"}


def test_what_the_platform_does_not_read_can_be_left_out(
    lake: DatalakeHook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos_in(tmp_path, 1)
    (tmp_path / "a.dng").write_bytes(a_raw())
    (tmp_path / "notes.txt").write_text("notes")

    assert main(["upload", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "a.dng is a camera raw file, which the platform does not read; develop it" in told
    assert "Passed over by the ending of their names: 1 .txt." in told

    assert main(["upload", "--unsupported", "skip", str(tmp_path)]) == 0
    assert "0 failed, 1 left out." in capsys.readouterr().out


def test_a_check_says_what_it_passes_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos_in(tmp_path, 1)
    (tmp_path / "notes.txt").write_text("notes")

    assert main(["upload", "--check", str(tmp_path)]) == 0
    assert "passed over by the ending of their names: 1 .txt\n1 files" in capsys.readouterr().out

    assert main(["upload", "--check", "--json", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["passed_over"] == {".txt": 1}


def test_sources_and_choices_go_together(
    lake: DatalakeHook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos_in(tmp_path / "in", 3)
    photos_in(tmp_path / "in" / "thumbs", 2)
    (photos_in(tmp_path / "listed", 1) / "000.png").rename(tmp_path / "listed" / "999.png")
    (tmp_path / "m.csv").write_text("path,tags\nlisted/999.png,wet;dark\n")
    report = tmp_path / "report.jsonl"

    arguments = ["upload", str(tmp_path / "in"), "--manifest", str(tmp_path / "m.csv"), "--exclude", "thumbs"]
    code = main([*arguments, "--tags", "night", "rain", "--report", str(report)])

    assert code == 0
    assert "Uploaded 4 files" in capsys.readouterr().out
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    assert [Path(row["path"]).name for row in rows] == ["000.png", "001.png", "002.png", "999.png"]
    last = lake.get_data(rows[-1]["data_id"])
    assert sorted(tag.name for tag in last.tags or ()) == ["dark", "night", "rain", "wet"]


def test_what_a_manifest_may_reach_is_widened(
    lake: DatalakeHook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos_in(tmp_path / "in", 1)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "m.csv").write_text("path\n../in/000.png\n")
    arguments = ["upload", "--manifest", str(tmp_path / "lists" / "m.csv")]

    assert main(arguments) == 1
    assert "allow=" in "".join(capsys.readouterr())
    assert main([*arguments, "--allow", str(tmp_path / "in")]) == 0

    assert lake.count_data() == 1


def test_what_is_in_the_lake_is_skipped_by_default(
    lake: DatalakeHook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos_in(tmp_path, 3)

    assert main(["upload", str(tmp_path)]) == 0
    assert main(["upload", str(tmp_path)]) == 0
    assert "3 skipped" in capsys.readouterr().out
    assert main(["upload", str(tmp_path), "--if-exists", "upload"]) == 0

    assert lake.count_data() == 6


def test_a_check_sends_nothing_and_prints_a_table(
    lake: DatalakeHook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos_in(tmp_path, 2)
    (tmp_path / "line\nend.png").touch()
    (tmp_path / "same.png").write_bytes((tmp_path / "000.png").read_bytes())

    assert main(["upload", "--check", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["problem", "file", "detail"]
    assert lines[2].startswith("empty      ")
    assert r"line\nend.png" in lines[2]
    assert lines[3].startswith("duplicate")
    assert lines[4].endswith("1 empty, 1 duplicate; nothing was sent")

    assert main(["upload", "--check", "--json", str(tmp_path), "--exclude", "[ls]*"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 2
    assert lake.count_data() == 0


@pytest.mark.usefixtures("lake")
def test_a_failed_upload_begins_with_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos_in(tmp_path, 2)
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()

    assert main(["upload", str(tmp_path)]) == 1

    first, second, *_, last = capsys.readouterr().out.splitlines()
    assert first == f"2 of 4 files were not uploaded, the first: {tmp_path}/a.png is empty; there is nothing to upload."
    assert second.startswith(f"{tmp_path}/b.png is empty")
    assert last.startswith("Uploaded 2 files")


@pytest.mark.parametrize(("max_failed", "code"), [("1", 0), ("0.4", 0), ("0", 1), ("0.1", 1)])
@pytest.mark.usefixtures("lake")
def test_as_many_may_fail_as_is_said(tmp_path: Path, max_failed: str, code: int) -> None:
    photos_in(tmp_path, 2)

    assert main(["upload", str(tmp_path), str(tmp_path / "missing.png"), "--max-failed", max_failed]) == code


def test_ctrl_c_stops_cleanly_says_how_to_resume_and_resuming_works(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    photos_in(tmp_path / "in", 60)
    command = [sys.executable, "-m", "datalake_ops.cli", "upload", str(tmp_path / "in"), "--workers", "2"]
    command += ["--journal", str(tmp_path / "run.journal"), "--no-wait"]
    datalake_platform.script_fault("POST", r"/api/datalake/.*/datas", delay=0.5, count=60)

    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    deadline = time.monotonic() + 240
    while lake.count_data() < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=240)
    datalake_platform.clear_faults()

    assert running.returncode == 130
    assert "Run the same command again to go on" in said
    assert "Traceback" not in said
    assert 5 <= lake.count_data() < 60

    again = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)

    assert again.returncode == 0, again.stderr
    assert "skipped" in again.stdout
    assert Counter(data.filename for data in lake.iter_data()) == {f"{number:03}.png": 1 for number in range(60)}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (["--max-failed", "1.5"], "max_failed"),
        (["--max-failed", "-1"], "max_failed"),
        (["--report", "taken/report.jsonl"], "cannot be written"),
        (["--report", "in"], "is a folder"),
        (["--include", "[z-a].png"], "is no valid pattern"),
    ],
)
def test_what_cannot_be_right_is_told_before_anything_is_sent(
    lake: DatalakeHook,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    photos_in(tmp_path / "in", 1)
    (tmp_path / "taken").touch()

    code = main(["upload", "in", *wrong])

    assert code != 0
    assert reason in capsys.readouterr().err
    assert lake.count_data() == 0


@pytest.mark.usefixtures("lake")
def test_a_report_that_cannot_be_written_after_all_hides_no_result(
    datalake_platform: PlatformServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos_in(tmp_path / "in", 1)
    folder = tmp_path / "later"

    def spoil() -> None:
        until = time.monotonic() + 30
        # The report's folder is tried out before anything is sent.
        while not any(one["path"] == "/storage/upload" for one in datalake_platform.requests()):
            if time.monotonic() > until:
                return
            time.sleep(0.05)
        folder.rmdir()
        folder.touch()

    datalake_platform.clear_requests()
    datalake_platform.script_fault("POST", "/datas$", delay=6)
    spoiler = threading.Thread(target=spoil)
    spoiler.start()
    code = main(["upload", str(tmp_path / "in"), "--report", str(folder / "report.jsonl")])
    spoiler.join()

    told = capsys.readouterr()
    assert code == 1
    assert "Uploaded 1 file " in told.out
    assert "could not be written" in told.err
