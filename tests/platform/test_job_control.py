"""Jobs that are killed, that wait for processors, and whose shim is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from datalake_ops.testing import PlatformServer
from tests.platform.job_lab import Lab, is_running, mark_of_this_test, processes_saying, program_arguments

ENDS_BETWEEN = textwrap.dedent("""
    import os, signal, time
    from datalake_ops.platform.jobs.processings import shim

    program = os.fork()
    if program == 0:
        signal.pause()
    descendants = shim._descendants

    def looking():
        os.kill(program, signal.SIGTERM)
        while shim._facts(program)[:1] != ["Z"]:
            time.sleep(0.01)
        shim._descendants = descendants
        return descendants()

    shim._descendants = looking
    print(shim._end_all(60.0, program))
""")


def pid_of(server: PlatformServer, job: dict[str, Any], name: str) -> int:
    """Process id of a job's shim, guardian or program."""
    return int(json.loads((server.home / "jobs" / job["id"] / "pid").read_text())[name]["pid"])


class TestKill:
    def test_a_running_job_dies_with_its_whole_tree(self, lab: Lab, tmp_path: Path) -> None:
        mark = mark_of_this_test()
        escape = ["setsid", "sh", "-c", f"sleep 600.{mark} & sleep 601.{mark}"]
        never = str(tmp_path / "never")
        job = lab.launch(parameters={"start": [escape, ["sleep", f"602.{mark}"]], "wait_for": never})
        lab.until_line(job, "child")
        lab.api.until(lambda: len([line for line in lab.api.log(job) if line.startswith("child")]) == 2)
        children = [int(line.split()[1]) for line in lab.api.log(job) if line.startswith("child")]
        assert all(is_running(pid) for pid in children)

        killed = lab.kill(job)

        assert (killed["status"], killed["exit_code"]) == ("KILLED", -15)
        assert not any(is_running(pid) for pid in children)
        assert not processes_saying("sleep", mark)
        assert lab.kill(job)["status"] == "KILLED"

    def test_a_program_that_ends_between_two_looks_keeps_its_exit_code(self) -> None:
        # The look for descendants itself ends the program here.
        ended = subprocess.run(
            [sys.executable, "-c", ENDS_BETWEEN], capture_output=True, text=True, check=True, timeout=120
        )

        assert ended.stdout.strip() == "-15"

    def test_what_a_program_leaves_behind_ends_with_it(self, lab: Lab) -> None:
        mark = mark_of_this_test()
        job = lab.launch(parameters={"start": [["setsid", "sleep", f"603.{mark}"]]})

        assert lab.api.ended(job)["status"] == "SUCCEEDED"
        assert not processes_saying("sleep", mark)

    def test_a_job_that_waits_for_its_turn_waits_no_more(self, lab: Lab, tmp_path: Path) -> None:
        holds = lab.launch(cpu=2, parameters={"wait_for": str(tmp_path / "go")})
        lab.until_line(holds, "environment")
        waits = lab.launch(cpu=1)
        lab.api.until(lambda: lab.state(waits)["status"] == "QUEUED")

        killed = lab.kill(waits)
        (tmp_path / "go").touch()
        lab.api.ended(holds)

        assert (killed["status"], killed["started_at"]) == ("KILLED", None)
        assert lab.api.log(waits) == []

    def test_a_finished_job_stays_as_it_is(self, lab: Lab) -> None:
        job = lab.api.ended(lab.launch())

        assert lab.kill(job)["status"] == "SUCCEEDED"

    def test_a_job_whose_shim_vanished_is_a_failure_and_leaves_nothing_running(
        self, lab: Lab, job_server: PlatformServer, tmp_path: Path
    ) -> None:
        mark = mark_of_this_test()
        # A session of its own, and nothing in its environment that tells whose it is.
        escape = ["env", "-i", "setsid", "sleep", f"604.{mark}"]
        job = lab.launch(parameters={"start": [escape], "wait_for": str(tmp_path / "never")})
        lab.until_line(job, "child")
        lab.api.until(lambda: bool(processes_saying("sleep", mark)))
        shim, program = (pid_of(job_server, job, name) for name in ("keeper", "program"))

        os.kill(shim, signal.SIGKILL)
        ended = lab.api.ended(job)

        assert (ended["status"], ended["exit_code"]) == ("FAILED", None)
        assert "disappeared" in ended["reason"]
        assert not is_running(program)
        assert not processes_saying("sleep", mark)

    def test_nothing_is_left_when_the_guardian_of_the_shim_is_killed_with_it(
        self, lab: Lab, job_server: PlatformServer, tmp_path: Path
    ) -> None:
        mark = mark_of_this_test()
        job = lab.launch(
            parameters={"start": [["setsid", "sleep", f"605.{mark}"]], "wait_for": str(tmp_path / "never")}
        )
        lab.until_line(job, "child")
        lab.api.until(lambda: bool(processes_saying("sleep", mark)))
        guardian, shim, program = (pid_of(job_server, job, name) for name in ("guardian", "keeper", "program"))

        os.kill(guardian, signal.SIGKILL)
        os.kill(shim, signal.SIGKILL)
        ended = lab.api.ended(job)

        assert (ended["status"], ended["exit_code"]) == ("FAILED", None)
        assert not is_running(program)
        assert not processes_saying("sleep", mark)

    def test_a_shim_whose_guardian_was_killed_works_on(
        self, lab: Lab, job_server: PlatformServer, tmp_path: Path
    ) -> None:
        job = lab.launch(parameters={"wait_for": str(tmp_path / "go"), "code": 4})
        lab.until_line(job, "environment")

        os.kill(pid_of(job_server, job, "guardian"), signal.SIGKILL)
        (tmp_path / "go").touch()

        assert lab.api.ended(job)["exit_code"] == 4

    def test_a_shim_whose_job_folder_is_gone_ends_with_its_program(self, tmp_path: Path) -> None:
        with PlatformServer(tmp_path / "home", arguments=program_arguments(tmp_path)) as server:
            lab = Lab(server)
            job = lab.launch(parameters={"wait_for": str(tmp_path / "go")})
            lab.until_line(job, "environment")
            pids = [pid_of(server, job, name) for name in ("guardian", "keeper", "program")]
        shutil.rmtree(tmp_path / "home")

        (tmp_path / "go").touch()

        lab.api.until(lambda: not any(is_running(pid) for pid in pids), seconds=60)


class TestTurns:
    def test_jobs_wait_until_their_processors_are_free(self, lab: Lab, tmp_path: Path) -> None:
        go = tmp_path / "go"
        first = lab.launch(cpu=2, parameters={"wait_for": str(go)})
        lab.until_line(first, "environment")

        others = [lab.launch(cpu=64), lab.launch(cpu=1)]
        lab.api.until(lambda: [lab.state(job)["status"] for job in others] == ["QUEUED", "QUEUED"])
        go.touch()

        assert [lab.api.ended(job)["status"] for job in others] == ["SUCCEEDED", "SUCCEEDED"]
        turns = [lab.state(job) for job in (first, *others)]
        assert turns[0]["finished_at"] <= turns[1]["started_at"]
        assert turns[1]["finished_at"] <= turns[2]["started_at"]

    def test_a_job_killed_while_it_waits_lets_the_next_one_pass(self, lab: Lab, tmp_path: Path) -> None:
        go = tmp_path / "go"
        half = lab.launch(cpu=1, parameters={"wait_for": str(go)})
        lab.until_line(half, "environment")
        whole, small = lab.launch(cpu=2), lab.launch(cpu=1)
        lab.api.until(lambda: lab.state(small)["status"] == "QUEUED")

        lab.kill(whole)

        assert lab.api.ended(small)["status"] == "SUCCEEDED"
        go.touch()
        lab.api.ended(half)
