"""Processes of a job whose shim and guardian are both gone: found in /proc, and killed."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

from datalake_ops.platform.jobs.processings import shim

# Variable of a program and its descendants that names the job's folder: a job's id is also that of its job in a copy of
# the home, which another server may have restored.
FOLDER_VARIABLE = "DATALAKE_OPS_JOB_FOLDER"
_PROC = Path("/proc")
_SECONDS = 1.0


def kill_leftovers(job_folder: Path, program: dict[str, Any]) -> None:
    """Kill the processes of a job, for up to a second: they may still be forking.

    Found are those with the job's folder in their environment, the program of this identity with its session, and the
    descendants of all these.
    """
    deadline = time.monotonic() + _SECONDS
    while (found := _processes(job_folder, program)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _processes(job_folder: Path, program: dict[str, Any]) -> set[int]:
    session = program["pid"] if shim.is_running(program) else None
    mark = os.fsencode(f"{FOLDER_VARIABLE}={job_folder.resolve()}")
    found: set[int] = set()
    children: dict[int, set[int]] = {}
    for folder in _PROC.glob("[0-9]*"):
        pid = int(folder.name)
        # Processes end at any time, and other users' are none of a job.
        with contextlib.suppress(OSError):
            state, parent, _group, leader = (
                (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[:4]
            )
            if state == "Z":
                continue
            children.setdefault(int(parent), set()).add(pid)
            if int(leader) == session or mark in (folder / "environ").read_bytes().split(b"\0"):
                found.add(pid)
    queue = list(found)
    while queue:
        more = children.get(queue.pop(), set()) - found
        found |= more
        queue += more
    return found - {os.getpid()}
