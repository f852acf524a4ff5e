"""Programs that print without end: their jobs can be killed, their logs are bounded, and the server stops."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.platform.jobs import logs
from datalake_ops.platform.jobs.processings import shim
from datalake_ops.testing import PlatformServer
from tests.platform.api import Api
from tests.platform.job_lab import Lab, program_arguments

# Several times what is kept of a log in each write.
BLOCK = "x" * 99 + "\n"
LOG_BYTES = 17 * 1024**2


@pytest.fixture(scope="module")
def talker_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformServer]:
    """A platform of its own, since it is stopped and started."""
    # In a temporary folder of its own, whose programs are ended even when the test run is killed.
    with PlatformServer(arguments=program_arguments(tmp_path_factory.mktemp("talk"))) as server:
        yield server


# Two starts of a server, and a program that takes a processor: minutes on a machine that is busy with much else.
@pytest.mark.timeout(900)
def test_a_program_that_prints_without_end_holds_up_neither_kills_nor_jobs_nor_the_stop_of_the_server(
    talker_server: PlatformServer,
) -> None:
    lab = Lab(talker_server)
    job = lab.launch(parameters={"talk": BLOCK * 1000})
    path = f"/api/v2/job/{job['id']}/logs"
    # The last line of what is kept while the program runs.
    lab.api.until(lambda: "the output goes on" in "".join(lab.api.json("GET", f"{path}?cursor=-1")["lines"]))
    before = lab.api.json("GET", f"{path}?cursor=-3")

    assert lab.api.ended(lab.launch())["status"] == "SUCCEEDED"
    talker_server.stop()
    # Removed by a server that stopped by itself, in the time that the test's server gives it.
    assert not (talker_server.home / "server.json").exists()
    talker_server.start()
    lab.api = Api(talker_server)
    killed = lab.kill(job)

    assert killed["status"] == "KILLED"
    assert (talker_server.home / "jobs" / job["id"] / "log").stat().st_size < LOG_BYTES
    after = lab.api.json("GET", f"{path}?cursor={before['next_cursor']}&limit=10000")["lines"]
    assert after[0].endswith("bytes of the output were left out here.")
    assert after[-1] in BLOCK
    assert len(after) <= 1001


def output_of(tmp_path: Path, script: str, **limits: int) -> str:
    """Log of a program that a shim runs alone."""
    limits = {"bytes": 1000, "lines": 100, "tail_bytes": 100, "tail_lines": 100, **limits}
    argv = [sys.executable, "-c", script]
    order: dict[str, Any] = {
        "folder": str(tmp_path),
        "argv": argv,
        "env": dict(os.environ),
        "umask": 0o022,
        "grace": 10.0,
    }
    subprocess.run(
        [sys.executable, "-I", shim.__file__], input=json.dumps({**order, "output": limits}).encode(), check=True
    )
    Api.until(None, (tmp_path / "rc").exists)  # type: ignore[arg-type]
    return (tmp_path / "log").read_text()


def test_a_short_output_is_kept_as_it_is(tmp_path: Path) -> None:
    assert output_of(tmp_path, "print('one\\ntwo', end='')") == "one\ntwo"


def test_of_many_lines_the_first_and_the_last_are_kept(tmp_path: Path) -> None:
    found = output_of(tmp_path, "for number in range(1000): print(number)", lines=3, tail_lines=2).splitlines()

    assert found[:3] == ["0", "1", "2"]
    assert found[3].startswith("... the output goes on")
    assert found[4].startswith("... 38")
    assert found[5:] == ["998", "999"]


def test_an_endless_line_is_cut_within(tmp_path: Path) -> None:
    found = output_of(tmp_path, "print('x' * 100_000, end='')").splitlines()

    assert [len(line) for line in (found[0], found[-1])] == [1000, 100]
    assert "98900 bytes of the output were left out" in found[2]


def test_what_is_left_after_the_first_lines_follows_whole_when_it_is_short(tmp_path: Path) -> None:
    found = output_of(tmp_path, "print('one\\ntwo\\nthree')", lines=2).splitlines()

    assert [*found[:2], found[3]] == ["one", "two", "three"]
    assert len(found) == 4


def test_lines_sent_to_a_full_log_leave_one_line_that_says_so(lab: Lab) -> None:
    job = lab.api.ended(lab.launch())
    path = f"/api/v2/job/{job['id']}/logging"
    size = 25_000
    for start in range(0, logs.LINES_AT_MOST + size, size):
        lab.api.json("POST", path, {"line_nb": start, "log": ["x"] * size})

    last = lab.api.json("GET", f"/api/v2/job/{job['id']}/logs?cursor=-2")["lines"]

    assert last[0] == "x"
    assert last[1].startswith("... the log goes on")
