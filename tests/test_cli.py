"""The command line, run as its users run it: arguments in, text and an exit code out, against a running platform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from datalake_ops.cli import main
from datalake_ops.testing.server import PlatformServer

Cli = Callable[..., int]


@pytest.fixture
def lake(datalake_platform: PlatformServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """A lake of the test's own, named in the environment as a user would name it."""
    name = f"lake-{uuid4().hex[:8]}"
    datalake_platform.add_lake(name)
    monkeypatch.setenv("DATALAKE_HOST", datalake_platform.url)
    monkeypatch.setenv("DATALAKE_API_TOKEN", datalake_platform.token)
    monkeypatch.setenv("DATALAKE_NAME", name)
    return name


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        Image.effect_noise((64 + number, 48), 80).save(folder / f"photo {number}.jpg")
    return folder


@pytest.mark.usefixtures("lake")
def test_uploads_a_folder_and_lists_it(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upload", str(photos), "--tag", "night", "--source", "camera-one"]) == 0
    assert "Uploaded 3 files" in capsys.readouterr().out

    assert main(["list", "--tags", "night", "--order-by", "filename"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["id", "file", "size", "status", "tags"]
    assert [line.split("  ")[1] for line in lines[2:]] == ["photo 0.jpg", "photo 1.jpg", "photo 2.jpg"]
    assert "64x48" in lines[2]


@pytest.mark.usefixtures("lake")
def test_prints_json_for_scripts(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upload", str(photos), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)

    assert main(["list", "--json", "--limit", "2"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert main(["list", "--ids"]) == 0
    ids = capsys.readouterr().out.split()
    assert main(["list", "--count", "-q", 'filename endswith "1.jpg"']) == 0

    assert capsys.readouterr().out.strip() == "1"
    assert summary["counts"]["UPLOADED"] == 3
    assert len(listed) == 2
    assert set(ids) == set(summary["data_ids"])


@pytest.mark.usefixtures("lake")
def test_fails_and_names_the_file_when_one_of_several_fails(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = photos.parent / "report.jsonl"

    code = main(["upload", str(photos), str(photos / "nowhere.jpg"), "--report", str(report)])

    out = capsys.readouterr().out
    assert code == 1
    assert out.splitlines()[0].startswith("1 of 4 files were not uploaded: ")
    assert "nowhere.jpg does not exist" in out.splitlines()[0]
    assert "Uploaded 3 files" in out
    assert "0 skipped, 1 failed" in out
    assert [json.loads(line)["status"] for line in report.read_text().splitlines()].count("UPLOADED") == 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["list", "-q", "colour ~"], 1, "query"),
        (["list", "--lake", "no such lake"], 1, "'no such lake' was not found"),
        (["list", "--token", "wrong"], 1, "token"),
        (["list", "--host", "ftp://somewhere"], 2, "is no address"),
        (["wait", "not-a-uuid"], 2, "identifiers are UUIDs"),
        (["wait", "8e1d2c1e-0000-4000-8000-000000000000"], 1, "404"),
        (["launch", "quality-tagging"], 2, "Choose the data"),
        (["launch", "quality-tagging", "--tag", "a", "--param", "threshold"], 2, "NAME=VALUE"),
        (["launch", "quality-tagging", "--tag", "a", "--everything"], 2, "not both"),
    ],
)
@pytest.mark.usefixtures("lake")
def test_says_what_is_wrong_in_one_line(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("datalake-ops: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["upload"], ["list", "--limit", "many"], ["serve", "--port", "99999"]]
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(arguments)

    assert exit.value.code == 2
    assert "usage: datalake-ops" in capsys.readouterr().err


def test_without_a_token_says_how_to_give_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DATALAKE_API_TOKEN", "PICSELLIA_TOKEN", "api_token"):
        monkeypatch.delenv(name, raising=False)

    assert main(["list"]) == 2

    assert "DATALAKE_API_TOKEN" in capsys.readouterr().err


def test_imports_launches_and_waits(
    datalake_platform: PlatformServer, lake: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos.rename(datalake_platform.bucket / lake)

    assert main(["import", f"{lake}/", "--tag", "imported", "--wait"]) == 0
    assert "SUCCEEDED" in capsys.readouterr().out
    assert main(["launch", "thumbnails", "--tag", "imported", "--param", "max_side=32", "--json"]) == 0
    job = json.loads(capsys.readouterr().out)
    assert main(["wait", job["id"], "--timeout", "240"]) == 0

    assert f"{job['id']}  SUCCEEDED" in capsys.readouterr().out


def test_imports_overwritten_objects_as_it_is_told_and_warns_of_those_that_it_skips(
    datalake_platform: PlatformServer, lake: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos.rename(datalake_platform.bucket / lake)
    changed = datalake_platform.bucket / lake / "photo 1.jpg"
    command = ["import", f"{lake}/", "--wait"]
    assert main(command) == 0
    os.utime(changed, ns=(1, 1))
    capsys.readouterr()

    assert main(command) == 0
    skipped = capsys.readouterr()
    assert main([*command, "--on-changed", "update"]) == 0

    assert "1 skipped_changed" in skipped.out
    assert "succeeded in part: skipped_changed 1" in skipped.err
    assert "1 updated" in capsys.readouterr().out


@pytest.mark.parametrize("prefixes", [[], [""], ["night/", " "], ["night/", "--everything"], ["", "--everything"]])
def test_a_blank_prefix_is_not_the_whole_bucket(prefixes: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", *prefixes]) == 2

    assert "--everything" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["list", "--ids", "--tag", ""], ["list", "--ids", "-q", " "], ["list", "--count", "--tags", "", ""]]
)
def test_an_empty_filter_lists_nothing(
    lake: str, photos: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["upload", str(photos), "--tag", "there"]) == 0
    capsys.readouterr()

    assert main(words) == 0

    assert capsys.readouterr().out.strip() in ("", "0")


def test_everything_imports_the_whole_bucket(
    datalake_platform: PlatformServer, lake: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos.rename(datalake_platform.bucket / lake)

    assert main(["import", "--everything", "--tag", "all", "--wait"]) == 0


@pytest.mark.parametrize("option", [["--timeout", "0"], ["--timeout", "-1"], ["--poll-interval", "soon"]])
@pytest.mark.parametrize("command", [["launch", "quality-tagging", "--tag", "a"], ["import", "--everything"]])
@pytest.mark.usefixtures("lake")
def test_a_wait_that_cannot_be_starts_no_job(
    command: list[str], option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*command, "--wait", *option])

    assert "a wait cannot be" in capsys.readouterr().err


@pytest.mark.usefixtures("lake")
def test_wait_fails_with_the_reason_when_a_job_fails(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upload", str(photos), "--tag", "few"]) == 0
    capsys.readouterr()

    code = main(["launch", "thumbnails", "--tag", "few", "--param", 'max_side="no number"', "--wait"])

    captured = capsys.readouterr()
    assert code == 1
    assert "FAILED" in captured.out
    assert captured.err.startswith("datalake-ops: ")
    assert captured.err.count("max_side") == 1


def test_the_doctor_finds_everything_well(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0

    out = capsys.readouterr().out
    assert "FAIL" not in out
    assert f"lake '{lake}'" in out
    assert "idempotency-key" in out


@pytest.mark.usefixtures("lake")
def test_the_doctor_names_the_step_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--token", "wrong", "--json"]) == 1

    findings = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert findings["configuration"]["ok"] is True
    assert findings["connection"]["ok"] is False
    assert findings["connection"]["text"].startswith("Token: ")


def test_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "datalake_ops.cli", "serve", "--home", str(tmp_path), "--port", "0"]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        banner = [server.stdout.readline() for _ in range(5)]
        server.terminate()
        code = server.wait(120)

    assert banner[0] == "datalake-ops platform is ready\n"
    assert "(shown only this once)" in "".join(banner)
    assert code == 0


def test_a_closed_pipe_is_no_traceback(lake: str, datalake_platform: PlatformServer) -> None:
    command = [sys.executable, "-m", "datalake_ops.cli", "list", "--lake", lake]
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)

    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == ""


def test_the_program_starts_light() -> None:
    code = "import sys; from datalake_ops.cli.program import parser; parser(); print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {"httptools", "PIL", "sqlalchemy", "fastapi", "requests", "pydantic"} & set(loaded)
