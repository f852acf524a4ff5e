"""The processes of an Airflow end with the process that started them."""

from __future__ import annotations

import signal

import pytest

from tests.left_behind import assert_nothing_is_left_after

pytestmark = pytest.mark.end_to_end
AIRFLOW = """
import json, time
from pathlib import Path
from datalake_ops.testing.airflow import AirflowServer

server = AirflowServer(Path("no-dags"))
server.migrate()
components = ("scheduler", "triggerer")
for component in components:
    server.start(component)
pids = [server._forks._process.pid, *map(server.pid, components)]
print(json.dumps([pids, [str(server.home)]]), flush=True)
time.sleep(3600)
"""


def test_an_airflow_ends_with_the_process_that_started_it() -> None:
    assert_nothing_is_left_after(signal.SIGKILL, AIRFLOW, processes=3)
