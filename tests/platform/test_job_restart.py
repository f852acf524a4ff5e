"""Jobs outlive their server: one that starts again adopts what runs, what ended meanwhile and what waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.testing import PlatformServer
from tests.platform.api import Api
from tests.platform.job_lab import Lab, program_arguments

_CPUS = 4


@dataclass
class Restarted:
    """A lab whose server ended and started again with a job in each situation; `go` lets the programs end."""

    lab: Lab
    folder: Path
    running: dict[str, Any]
    ended: dict[str, Any]
    unkilled: dict[str, Any]
    waiting: dict[str, Any]

    def go(self, name: str) -> None:
        (self.folder / name).touch()


@pytest.fixture(scope="module", params=["kill", "stop"])
def restarted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarted]:
    """One restart for all tests of a way to end: each looks at a job of its own."""
    folder = tmp_path_factory.mktemp("restart")
    with PlatformServer(home=folder / "home", arguments=program_arguments(folder, _CPUS)) as server:
        lab = Lab(server)
        running = lab.launch(parameters={"wait_for": str(folder / "running"), "code": 4})
        ended = lab.launch(parameters={"wait_for": str(folder / "ended")})
        unkilled = lab.launch(parameters={"wait_for": str(folder / "never")})
        for job in (running, ended, unkilled):
            lab.until_line(job, "environment")
        waiting = lab.launch(cpu=_CPUS)
        getattr(server, request.param)()
        (folder / "ended").touch()
        lab.api.until((server.home / "jobs" / ended["id"] / "rc").exists)
        server.start()
        lab.api = Api(server)
        restarted = Restarted(lab, folder, running, ended, unkilled, waiting)
        yield restarted
        # Where tests were left out, their programs still run.
        restarted.go("running")
        lab.kill(unkilled)
        lab.api.ended(waiting)


def test_a_job_that_waits_when_its_server_ends_waits_on(restarted: Restarted) -> None:
    assert restarted.lab.state(restarted.waiting)["status"] in ("PENDING", "QUEUED")


def test_a_running_job_outlives_its_server_and_is_found_again(restarted: Restarted) -> None:
    lab = restarted.lab
    assert lab.state(restarted.running)["status"] == "RUNNING"

    restarted.go("running")
    ended = lab.api.ended(restarted.running)

    assert (ended["status"], ended["exit_code"]) == ("FAILED", 4)
    log = lab.api.log(restarted.running)
    assert log[-1] == "ends"
    assert len(log) == len(set(log)) == 4


def test_a_job_that_ended_while_no_server_was_there_is_told_truly(restarted: Restarted) -> None:
    assert restarted.lab.api.ended(restarted.ended)["status"] == "SUCCEEDED"
    assert restarted.lab.api.log(restarted.ended)[-1] == "ends"


def test_a_kill_after_the_restart_ends_a_job_of_before(restarted: Restarted) -> None:
    assert restarted.lab.kill(restarted.unkilled)["status"] == "KILLED"


def test_a_job_that_waited_has_its_turn_after_a_restart(restarted: Restarted) -> None:
    restarted.go("running")
    restarted.lab.kill(restarted.unkilled)

    assert restarted.lab.api.ended(restarted.waiting)["status"] == "SUCCEEDED"
