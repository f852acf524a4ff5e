"""The demo, from its first line to its last process: real orchestrators, a real platform, real photographs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from datalake_ops.demo import worlds
from datalake_ops.errors import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "datalake_ops.cli", "demo"]
# Inherited by whatever the demo starts; another demo on this machine has another one.
MARK = f"STARTED_BY_TEST={uuid4()}"
MISSING = [name for name in ("airflow", "prefect") if not (ROOT / ".venvs" / name / "bin" / "python").exists()]

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(bool(MISSING), reason=f"no environment for {', '.join(MISSING)}; `make setup` makes them"),
]


@pytest.fixture(autouse=True)
def _nothing_left_running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    name, value = MARK.split("=")
    monkeypatch.setenv(name, value)
    # A demo that was interrupted keeps its folder, for its logs.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield
    assert _running() == []


def _running() -> list[int]:
    """Processes that this module's demos started, at whatever remove."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.name != str(os.getpid()) and MARK.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_runs_both_pipelines_and_leaves_only_what_it_was_told_to_keep() -> None:
    done = subprocess.run([*COMMAND, "--keep"], capture_output=True, text=True, check=False, timeout=1100)

    out = done.stdout
    assert done.returncode == 0, out + done.stderr
    data = re.search(r"^data in the lake +(\d+) +(\d+)$", out, re.MULTILINE)
    assert data
    assert data[1] == data[2] == "44"
    assert re.search(r"^altered copies recognised +22 +22$", out, re.MULTILINE)
    assert len(re.findall(r"^\w+ +\w+ +[\w-]+ +[0-9a-f-]{36} +succeeded +[\d.]+$", out, re.MULTILINE)) == 8
    environment = dict(re.findall(r"(DATALAKE_\w+)=(\S+)", out))
    listing = [sys.executable, "-m", "datalake_ops.cli", "list", "--lake", "prefect", "--count"]
    listed = subprocess.run(listing, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    stop = re.search(r"^  (kill \d+)\n  (rm -r (\S+))$", out, re.MULTILINE)
    assert stop
    subprocess.run(stop[1].split(), check=True)
    deadline = time.monotonic() + 120
    while _running() and time.monotonic() < deadline:
        time.sleep(0.05)
    subprocess.run(stop[2].split(), check=True)
    assert listed.stdout.strip() == "44"
    assert not Path(stop[3]).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_running(number: signal.Signals) -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        while "files in a folder" not in (line := demo.stdout.readline()):
            assert line, "the demo ended before it began"
        running = _running()
        demo.send_signal(number)
        _, said = demo.communicate(timeout=300)

    assert len(running) >= 2
    assert demo.returncode == 130
    assert "Interrupted." in said


def test_images_that_are_not_there_are_refused_before_anything_starts(tmp_path: Path) -> None:
    command = [*COMMAND, "--images", str(tmp_path / "nowhere")]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)

    assert done.returncode == 2
    assert "is not a folder of images" in done.stderr


def test_outside_a_clone_says_where_to_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "ROOT", tmp_path)

    with pytest.raises(ConfigurationError, match="make demo"):
        worlds.check_environments()
