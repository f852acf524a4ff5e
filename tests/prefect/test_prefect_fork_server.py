"""A program that is forked with Prefect loaded is a process like any other."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from datalake_ops.testing.prefect import PrefectServer, wait_until
from tests.prefect.launcher import Launcher

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are started as usual")
SECONDS = 240.0
PROGRAM = """
import json, os, sys, time
from prefect.settings import get_current_settings
ours = sorted(name for name in before if name.startswith(("datalake_ops", "prefect_tasks")))
facts = [os.getpid(), sys.argv[1:], os.environ["TOLD"], os.getcwd(), get_current_settings().worker.query_seconds]
print(json.dumps([*facts, "prefect.flow_engine" in before, ours]), flush=True)
if sys.argv[1] == "stay":
    time.sleep(3600)
raise SystemExit(7)
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "program.py"
    path.write_text("import sys\nbefore = set(sys.modules)\n" + PROGRAM)
    return str(path)


def test_it_has_arguments_variables_settings_and_an_exit_code_of_its_own_and_none_of_our_packages(
    launcher: Launcher, prefect_server: PrefectServer, program: str, tmp_path: Path
) -> None:
    told = {"TOLD": "this", "PREFECT_WORKER_QUERY_SECONDS": "77"}

    process = launcher.run([program, "go"], log := f"forked-{tmp_path.name}", told)

    assert process.wait(SECONDS) == 7
    facts = json.loads(prefect_server.log(log))
    assert facts == [process.pid, ["go"], "this", str(Path.cwd()), 77.0, True, []]


def test_it_is_ended_by_a_signal(
    launcher: Launcher, prefect_server: PrefectServer, program: str, tmp_path: Path
) -> None:
    process = launcher.run([program, "stay"], log := f"forked-{tmp_path.name}", {"TOLD": ""})
    wait_until("it runs", lambda: prefect_server.log(log))

    process.send_signal(signal.SIGTERM)

    assert process.wait(SECONDS) == -signal.SIGTERM
