"""Commands on jobs: lists, logs that are followed, jobs that are stopped, inputs of launches."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from datalake_ops.cli import main
from datalake_ops.testing.server import PlatformServer

AsJson = Callable[..., Any]

# Prints its inputs, then a line for each file `NUMBER` that appears in its folder, and ends with the file `end`'s code.
PROGRAM = """
import json, os, sys, time, urllib.request
from pathlib import Path
folder = Path(sys.argv[1])
call = urllib.request.Request(os.environ["host"] + "/api/v2/job/" + os.environ["job_id"])
call.add_header("Authorization", "Bearer " + os.environ["api_token"])
with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(call) as answer:
    print("inputs", json.dumps(json.load(answer)["processing_job"]["inputs"]), flush=True)
told = 0
while not (folder / "end").exists():
    if (folder / str(told)).exists():
        print("line", told, flush=True)
        told += 1
    time.sleep(0.02)
sys.exit(int((folder / "end").read_text()))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("program")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[PlatformServer]:
    script = folder / "program.py"
    script.write_text(PROGRAM)
    with PlatformServer(arguments=["--program", f"told={sys.executable} {script} {folder}"]) as server:
        body = {"name": "told", "target": "DATALAKE", "docker_image": "told", "docker_tag": "1"}
        with server.hook() as hook:
            organization = hook.context.organization.id
        made = server.admin("POST", f"/api/organization/{organization}/processings", body)
        for name, kind in (("count", "NUMBER"), ("label", "TEXT")):
            answer = {"name": name, "input_type": kind, "required": False}
            server.admin("POST", f"/api/processing/{made['id']}/inputs", answer)
        yield server


@pytest.fixture
def data(
    server: PlatformServer, folder: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, as_json: AsJson
) -> Iterator[str]:
    for path in folder.glob("*"):
        if path.name != "program.py":
            path.unlink()
    name = f"lake-{uuid4().hex[:8]}"
    server.add_lake(name)
    monkeypatch.setenv("DATALAKE_HOST", server.url)
    monkeypatch.setenv("DATALAKE_API_TOKEN", server.token)
    monkeypatch.setenv("DATALAKE_NAME", name)
    yield as_json("upload", str(photos / "photo 0.jpg"))["data_ids"][0]
    (folder / "end").write_text("0")


def test_inputs_are_read_by_their_declared_types(
    data: str, folder: Path, as_json: AsJson, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "end").write_text("0")

    job = as_json("launch", "told", "--id", data, "--input", "count=12", "--input", "label=12", "--wait")

    lines = as_json("log", job["id"])["lines"]
    (inputs,) = [json.loads(line.removeprefix("inputs ")) for line in lines if line.startswith("inputs ")]
    assert inputs == {"count": 12, "label": "12"}
    assert main(["launch", "told", "--id", data, "--input", "count=many"]) == 2
    assert "NUMBER" in capsys.readouterr().err
    assert main(["launch", "told", "--id", data, "--input", "unknown=1"]) == 1
    assert main(["launch", "told", "--id", data, "--input", "count"]) == 2


def test_jobs_are_listed_by_status_and_kind(data: str, folder: Path, as_json: AsJson) -> None:
    running = as_json("launch", "told", "--id", data)["id"]
    (folder / "end").write_text("0")
    assert main(["wait", running]) == 0

    listed = as_json("jobs", "--status", "succeeded", "failed", "--kind", "processing", "--limit", "1")

    assert [job["id"] for job in listed] == [running]
    assert as_json("jobs", "--kind", "import") == []
    assert running not in {job["id"] for job in as_json("jobs", "--status", "KILLED")}


def test_cancel_stops_a_job_and_waits_for_its_end(data: str, as_json: AsJson) -> None:
    job = as_json("launch", "told", "--id", data)["id"]

    assert [one["status"] for one in as_json("cancel", job, "--wait")] == ["KILLED"]
    assert job in {one["id"] for one in as_json("jobs", "--status", "KILLED")}


def following(job: str, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "datalake_ops.cli", "log", job, "--follow", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)


def line_of(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"{text!r} was not printed")


@pytest.mark.parametrize(("exit_code", "code", "status"), [("0", 0, "SUCCEEDED"), ("3", 1, "FAILED")])
def test_a_log_is_followed_live_and_ends_by_the_jobs_verdict(
    exit_code: str, code: int, status: str, data: str, folder: Path, as_json: AsJson
) -> None:
    job = as_json("launch", "told", "--id", data)["id"]

    with following(job) as process:
        line_of(process, "inputs")
        (folder / "0").touch()
        line_of(process, "line 0")
        (folder / "1").touch()
        line_of(process, "line 1")
        (folder / "end").write_text(exit_code)
        rest, notes = process.communicate(timeout=120)

    assert process.returncode == code
    assert status in notes
    assert "line 1" not in rest


def test_interrupting_leaves_the_job_alone_and_says_so(data: str, folder: Path, as_json: AsJson) -> None:
    job = as_json("launch", "told", "--id", data)["id"]

    with following(job) as process:
        line_of(process, "inputs")
        process.send_signal(signal.SIGINT)
        _, notes = process.communicate(timeout=120)

    assert process.returncode == 130
    assert "goes on" in notes
    assert f"cancel {job}" in notes
    assert [one["status"] for one in as_json("jobs", "--limit", "1")] == ["RUNNING"]
    (folder / "end").write_text("0")
    assert main(["wait", job]) == 0


def test_a_followed_log_is_json_lines(data: str, folder: Path, as_json: AsJson) -> None:
    (folder / "0").touch()
    job = as_json("launch", "told", "--id", data)["id"]

    with following(job, "--json", "--tail", "5") as process:
        line_of(process, '"line 0"')
        (folder / "end").write_text("0")
        rest, _ = process.communicate(timeout=120)

    assert json.loads(rest.splitlines()[-1])["job"]["status"] == "SUCCEEDED"


@pytest.mark.parametrize("command", ["log", "cancel"])
def test_a_job_that_is_not_there_fails(command: str, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "8e1d2c1e-0000-4000-8000-000000000000"]) == 1
    assert "404" in capsys.readouterr().err
