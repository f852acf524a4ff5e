"""Servers of tests end with the process that started them, however it ends."""

from __future__ import annotations

import signal
import time

import pytest

from datalake_ops.testing.process_guard import session_of
from datalake_ops.testing.services import INSTALL, missing_programs
from tests.left_behind import a_process, assert_nothing_is_left_after, left, until

PLATFORM = """
import json, shlex, sys, time
from pathlib import Path
from PIL import Image
from datalake_ops.testing.server import PlatformServer
from datalake_ops.wire import routes

program = shlex.join([sys.executable, "-c", "import time; time.sleep(3600)"])
server = PlatformServer(arguments=["--program", f"tests/patient={program}"])
server.start()
hook = server.hook()
processing = {
    "name": "patient", "target": "DATALAKE", "description": None, "type": None, "docker_image": "tests/patient",
    "docker_tag": "latest", "docker_flags": None, "default_cpu": 1, "default_gpu": 0, "default_parameters": {},
}
server.admin("POST", routes.PROCESSINGS.format(organization=hook.context.organization.id), processing)
Image.effect_noise((32, 32), 90).save(server.home / "one.png")
job = hook.launch_processing("patient", [hook.upload_data(server.home / "one.png").id])
while hook.get_job(job.id).status != "RUNNING":
    time.sleep(0.1)
print(json.dumps([[server.pid], [str(server.home)]]), flush=True)
time.sleep(3600)
"""
SERVICES = """
import json, time
from datalake_ops.testing.services import PostgresServer, RedisServer

servers = [PostgresServer().__enter__(), RedisServer().__enter__()]
print(json.dumps([[one._process.pid for one in servers], [str(one.home) for one in servers]]), flush=True)
time.sleep(3600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_platform_and_its_jobs_end_with_the_process_that_started_it(number: signal.Signals) -> None:
    # The platform, and the two processes of its job.
    assert_nothing_is_left_after(number, PLATFORM, processes=3)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_postgresql_and_redis_end_with_the_process_that_started_them(number: signal.Signals) -> None:
    if missing_programs():
        pytest.skip(f"Redis or PostgreSQL is missing on this machine: {INSTALL}.")
    assert_nothing_is_left_after(number, SERVICES, processes=2)


def test_a_server_outlives_a_fork_of_the_process_that_started_it() -> None:
    code = SERVICES.replace("time.sleep(3600)", "import os\nos._exit(0) if os.fork() == 0 else time.sleep(3600)")
    if missing_programs():
        pytest.skip(f"Redis or PostgreSQL is missing on this machine: {INSTALL}.")
    with a_process(code) as (process, pids, folders):
        # Longer than the guard takes to see that its parent has gone.
        time.sleep(1.5)
        assert all(map(session_of, pids))

        process.kill()

        until(lambda: not left(pids, folders))
