"""Processes that start servers and are ended before they could end them, and what is left then."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from datalake_ops.testing.process_guard import session_of, working_in

# Longer than the guard's two graces of 10 s, also on a busy machine.
SECONDS = 120.0


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


def assert_nothing_is_left_after(number: signal.Signals, code: str, processes: int) -> None:
    """Run a program that starts at least so many processes and prints `[[pid, ...], [folder, ...]]`, and signal it."""
    with a_process(code) as (process, pids, folders):
        assert all(map(session_of, pids))
        assert len(left(pids, folders)) >= processes

        process.send_signal(number)

        until(lambda: not left(pids, folders))
        until(lambda: not any(Path(folder).exists() for folder in folders))
