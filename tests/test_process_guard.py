"""Servers of tests end with the process that started them, however it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from datalake_ops.testing.process_guard import session_of, working_in
from datalake_ops.testing.services import INSTALL, missing_programs

# Longer than the guard's two graces of 10 s, also on a busy machine.
SECONDS = 120.0
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


@contextmanager
def a_process(code: str) -> Iterator[tuple[subprocess.Popen[bytes], list[int], list[str]]]:
    """A process that has started servers: their session leaders and their folders."""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process, process.stdout:
        yield process, *json.loads(process.stdout.readline())
        process.kill()


def left(pids: list[int], folders: list[str]) -> list[int]:
    return [
        *(one for pid in pids for one in session_of(pid)),
        *(one for folder in folders for one in working_in(folder)),
    ]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_platform_and_its_jobs_end_with_the_process_that_started_it(number: signal.Signals) -> None:
    with a_process(PLATFORM) as (process, pids, folders):
        # The platform, and the two processes of its job.
        assert len(left(pids, folders)) >= 3

        process.send_signal(number)

        until(lambda: not left(pids, folders))
        until(lambda: not any(Path(folder).exists() for folder in folders))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_postgresql_and_redis_end_with_the_process_that_started_them(number: signal.Signals) -> None:
    if missing_programs():
        pytest.skip(f"Redis or PostgreSQL is missing on this machine: {INSTALL}.")
    with a_process(SERVICES) as (process, pids, folders):
        assert all(map(session_of, pids))

        process.send_signal(number)

        until(lambda: not left(pids, folders))
        until(lambda: not any(Path(folder).exists() for folder in folders))


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
