"""A Prefect server ends with the process that started it."""

from __future__ import annotations

import signal

from tests.left_behind import assert_nothing_is_left_after

PREFECT = """
import json, time
from datalake_ops.testing.prefect import PrefectServer

server = PrefectServer()
server.start()
print(json.dumps([[server._processes[0].pid], [str(server.home)]]), flush=True)
time.sleep(3600)
"""


def test_a_prefect_server_ends_with_the_process_that_started_it() -> None:
    assert_nothing_is_left_after(signal.SIGKILL, PREFECT, processes=1)
