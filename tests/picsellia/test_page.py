"""The page of Picsellia's own tools is true: its blocks run, from `init` to a job that tagged the lake."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.process_guard import guard
from tests.picsellia.workshop import Workshop, a_picture, tagged

PAGE = Path(__file__).resolve().parents[2] / "docs" / "picsellia-tools.md"
_SECONDS = 240.0


@dataclass(frozen=True)
class Page:
    """Blocks of the page, with a port that is free here."""

    serve: str
    commands: list[str]
    lines: str
    url: str


@pytest.fixture
def page() -> Page:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = PAGE.read_text().replace("8000", str(port))
    serve, *commands = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    (lines,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return Page(serve, commands, lines, f"http://127.0.0.1:{port}")


@pytest.fixture
def terminal(page: Page, tmp_path: Path, environment: dict[str, str]) -> Iterator[Workshop]:
    """The second terminal of the page, while the first one serves."""
    (tmp_path / "photos").mkdir()
    a_picture(tmp_path / "photos" / "bridge.jpg", 1)
    (tmp_path / "home").mkdir()
    variables = {**environment, "HOME": str(tmp_path / "home")}
    with (tmp_path / "serve.log").open("wb") as log:
        first = subprocess.Popen(
            ["bash", "-e", "-c", page.serve],
            cwd=tmp_path,
            env=variables,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    guard.watch(first.pid)
    try:
        _await(tmp_path / "lake" / "server.json", first, tmp_path / "serve.log")
        yield Workshop(tmp_path, variables)
    finally:
        # The shell and its server are one group.
        os.killpg(first.pid, signal.SIGTERM)
        first.wait(timeout=60)


def test_the_blocks_of_the_page_lead_to_a_job_that_tagged_the_lake(page: Page, terminal: Workshop) -> None:
    before, test, launch = page.commands

    terminal.run("bash", "-e", "-c", before)
    terminal.edit("autotag/steps.py", "    # Your logic goes here ...\n", page.lines)
    terminal.run("bash", "-e", "-c", test)
    token = (terminal.folder / "token").read_text().strip()
    with DatalakeHook(host=page.url, api_token=token) as hook:
        local = tagged(hook, "seen")
        hook.remove_tags(hook.list_data(), "seen")

        said = terminal.run("bash", "-e", "-c", launch)
        (job,) = re.findall(r"/jobs/([0-9a-f-]{36})", said)
        ended = hook.wait_for_job(job, timeout=_SECONDS)

        assert (local, tagged(hook, "seen")) == ({"bridge.jpg"}, {"bridge.jpg"})
        assert ended.status.value == "SUCCEEDED"


def _await(note: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while not (note.exists() and json.loads(note.read_text())["url"]):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
