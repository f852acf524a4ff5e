"""Shim of one job's program: a detached process that outlives the server and leaves its results in files.

Run as `python -I shim.py` with a JSON order on standard input: `{"folder", "argv", "env", "grace"}`. In the folder it
writes `claim` (created once, so that no second shim starts), `pid` (shim and program, with start times, since process
ids are used again), `log` (the program's output) and, by one rename at the very end, `rc` (exit code, and whether it
was killed).

SIGTERM ends the program and all its descendants: SIGTERM to all, `grace` seconds, SIGKILL to all. As the subreaper this
process inherits whatever detaches itself, so that no descendant escapes by a session of its own.

Only the standard library is used, and nothing of datalake_ops: one such process starts for every job and stays as long
as it runs.
"""

# Importing pathlib would cost every start of a job milliseconds and every shim memory.
# ruff: noqa: PTH103, PTH105, PTH123, PTH208
from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

_PR_SET_CHILD_SUBREAPER = 36
CLAIMED = 3  # exit code: the job has a shim already
_CANNOT_START = 127


def main() -> int:
    """Detach, and return once the shim has written its identity."""
    order = json.load(sys.stdin)
    os.chdir(order["folder"])
    try:
        os.close(os.open("claim", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return CLAIMED
    ready, started = os.pipe()
    if os.fork():
        os.close(started)
        # Empty means that the shim died before it began.
        return 0 if os.read(ready, 1) else 1
    os.setsid()
    if os.fork():
        os._exit(0)
    _keep(order, started)
    os._exit(0)


def _keep(order: dict[str, Any], started: int) -> None:
    """Run as the shim: start the program, wait for it, leave no process of it behind."""
    _redirect()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    stop = _StopFlag()
    signal.signal(signal.SIGTERM, stop)
    try:
        program = _start(order)
    except OSError as error:
        _write("pid", {"keeper": identity(os.getpid())})
        os.write(started, b"k")
        os.close(started)
        _write("rc", {"code": _CANNOT_START, "error": f"{order['argv'][0]}: {error.strerror}", "at": time.time()})
        return
    # "keeper" is the shim: job folders of earlier releases have this key.
    _write("pid", {"keeper": identity(os.getpid()), "program": identity(program.pid)})
    os.write(started, b"k")
    os.close(started)
    code = _wait(program.pid, stop)
    killed = code is None
    left = _end_all(float(order["grace"]), program.pid)
    _write("rc", {"code": left if killed else code, "killed": killed, "at": time.time()})


class _StopFlag:
    is_set = False

    def __call__(self, number: int, frame: object) -> None:
        self.is_set = True


def _redirect() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    # Errors of the shim itself are kept in a file.
    errors = os.open("keeper.err", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (nothing, 1), (errors, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(errors)


def _start(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    os.makedirs("work", exist_ok=True)
    with open("log", "ab", buffering=0) as log:
        return subprocess.Popen(
            order["argv"],
            env=order["env"],
            cwd="work",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait(program: int, stop: _StopFlag) -> int | None:
    """Wait for the program: its exit code, negative for a signal; None when it must be ended."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ended = _reap(program)
        if ended is not None:
            return ended
        if stop.is_set:
            return None
        # Both signals are blocked, so none is lost between the check and the wait.
        if signal.sigwait({signal.SIGTERM, signal.SIGCHLD}) == signal.SIGTERM:
            return None


def _reap(program: int) -> int | None:
    """Collect every child that ended; returns the exit code of the program if it is among them."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == program:
                code = os.waitstatus_to_exitcode(status)
    return code


def _end_all(grace: float, program: int) -> int:
    """End every descendant; returns the exit code of the program if it is collected here, else that of SIGKILL."""
    code = -int(signal.SIGKILL)
    deadline = time.monotonic() + grace
    number = signal.SIGTERM
    signalled: set[int] = set()
    while True:
        # Looked for before children are collected: one that ends in between would be neither alive nor collected.
        alive = _descendants()
        ended = _reap(program)
        code = code if ended is None else ended
        if not alive:
            return code
        if time.monotonic() >= deadline:
            number = signal.SIGKILL
        # SIGTERM once for each; SIGKILL until they are gone, for they may still be forking.
        for pid in alive if number == signal.SIGKILL else alive - signalled:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        signalled |= alive
        time.sleep(0.01)


def _descendants() -> set[int]:
    """Process ids below this one, at any depth; zombies of other parents are excluded."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            facts = _facts(int(name))
            if facts and facts[0] != "Z":
                children.setdefault(int(facts[1]), []).append(int(name))
    found: set[int] = set()
    queue = [os.getpid()]
    while queue:
        below = children.get(queue.pop(), [])
        found.update(below)
        queue += below
    return found


def identity(pid: int) -> dict[str, Any]:
    """Identity of a process: its id, start time and boot, which tell it from a later process of the same id."""
    facts = _facts(pid)
    return {"pid": pid, "start": facts[19] if facts else "", "boot": _boot()}


def is_running(who: dict[str, Any]) -> bool:
    """Return True if the process that `identity` described still runs; a zombie does not."""
    return bool(who) and identity(who["pid"]) == who and _facts(who["pid"])[:1] not in ([], ["Z"])


def _facts(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; empty when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # The name before the last parenthesis may hold anything.
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def _write(name: str, value: dict[str, Any]) -> None:
    with open(f"{name}.draft", "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.replace(f"{name}.draft", name)


if __name__ == "__main__":
    sys.exit(main())
