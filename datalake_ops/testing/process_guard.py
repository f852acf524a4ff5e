"""Guard process: ends the servers that a process started and left behind, however that process ended.

One guard per process, a side car and not a wrapper: a server keeps its own pid, signals and exit code. The guard learns
of its parent's death by the end of its standard input or by a new parent of its own (a fork of the parent may hold the
pipe open), so no signal, SIGKILL included, leaves a server. `PR_SET_PDEATHSIG` would not do: it comes when the *thread*
that started the server ends, reaches no grandchild, and exists on Linux alone.

This file is also the program of the guard, run without `site`: it imports the standard library alone.
"""

# Importing pathlib, re or typing would double the time that the guard takes to start.
# ruff: noqa: PTH115
from __future__ import annotations

import atexit
import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_POLL_SECONDS = 0.5
_STOP_SECONDS = 10.0
_PROC = "/proc"


class ProcessGuard:
    """Client of this process's guard, which is started with the first server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, pid: int, stop_signal: signal.Signals = signal.SIGTERM, folder: object = None) -> None:
        """End the session that `pid` leads when this process has ended.

        All processes of the session get `stop_signal`, and SIGKILL when they have not ended after 10 s. `folder` is
        removed then, and what works in it (programs of the platform's jobs, which outlive the platform) is ended too.
        """
        self._tell(f"watch {pid} {int(stop_signal)} {folder or ''}")

    def release(self, pid: int) -> None:
        """Forget a server that has ended."""
        self._tell(f"release {pid}")

    def _tell(self, line: str) -> None:
        with self._lock:
            # A fork of the process that started the guard needs one of its own.
            if self._process is None or self._owner != os.getpid():
                self._owner = os.getpid()
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", __file__, str(self._owner)],
                    stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )  # fmt: skip
                atexit.register(self._close, self._process)
            pipe = self._process.stdin
            if pipe is None:
                raise RuntimeError("The guard has no pipe.")
            # A guard that somebody killed guards nothing; the tests go on.
            with contextlib.suppress(BrokenPipeError):
                pipe.write(line.encode() + b"\n")
                pipe.flush()

    def _close(self, process: subprocess.Popen[bytes]) -> None:
        """Let the guard end what is left, and end; a fork that exits leaves the guard to the process it belongs to."""
        if self._owner == os.getpid() and process.stdin is not None:
            # Whatever was written to a guard that was killed is lost.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()


guard = ProcessGuard()


def session_of(leader: int) -> list[int]:
    """Living processes of the session that a process leads or has led.

    Process groups would not do: Airflow's tasks have groups of their own, but stay in the session.
    """
    return [pid for pid in _pids() if _is_in(pid, leader)]


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to processes, some of which may have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def working_in(folder: str) -> list[int]:
    """Processes whose working directory is a folder or below it; none where the system has no /proc."""
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            place = os.readlink(f"{_PROC}/{pid}/cwd")
            if place == folder or place.startswith(folder + "/"):
                found.append(pid)
    return found


def _is_in(pid: int, leader: int) -> bool:
    try:
        return os.getsid(pid) == leader and not _is_zombie(pid)
    except (ProcessLookupError, PermissionError):
        return False


def _pids() -> list[int]:
    if os.path.isdir(_PROC + "/self"):  # noqa: PTH112 - see above.
        return [int(name) for name in os.listdir(_PROC) if name.isdecimal()]  # noqa: PTH208 - see above.
    listed = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, check=True).stdout
    return [int(pid) for pid in listed.split()]


def _start_of(pid: int) -> bytes:
    """Start time of a process, which tells it from a later one of the same id; empty when it is gone or unknown."""
    try:
        with open(f"{_PROC}/{pid}/stat", "rb") as stat:  # noqa: PTH123 - see above.
            return stat.read().rpartition(b")")[2].split()[19]
    except OSError:
        return b""


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"{_PROC}/{pid}/stat", "rb") as stat:  # noqa: PTH123 - see above.
            return stat.read().rpartition(b")")[2].split()[0] == b"Z"
    except FileNotFoundError:
        pass
    except ProcessLookupError:
        return True
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False).stdout
    return not listed.strip() or listed.lstrip().startswith(b"Z")


def main(parent: int) -> None:
    """Follow what the parent tells until it has ended, then end what it left."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        # Whoever stops the tests may send the same to every process of theirs.
        signal.signal(number, signal.SIG_IGN)
    servers: dict[int, tuple[int, str]] = {}
    started: dict[int, bytes] = {}
    text = b""
    while os.getppid() == parent:
        if not select.select([0], [], [], _POLL_SECONDS)[0]:
            continue
        part = os.read(0, 65536)
        if not part:
            break
        *lines, text = (text + part).split(b"\n")
        for line in lines:
            word, pid, *rest = line.decode().split(" ", 3)
            if word == "watch":
                servers[int(pid)] = (int(rest[0]), rest[1])
                started[int(pid)] = _start_of(int(pid))
            else:
                servers.pop(int(pid), None)
    # The id of a server that has ended may be another process's by now.
    _end({pid: known for pid, known in servers.items() if _start_of(pid) in (b"", started[pid])})


def _end(servers: dict[int, tuple[int, str]]) -> None:
    folders = [folder for _, folder in servers.values() if folder]
    for pid, (number, _) in servers.items():
        # The leader alone: it ends its children in order. What it leaves is killed below.
        send([pid] if session_of(pid) else [], signal.Signals(number))
    deadline = time.monotonic() + _STOP_SECONDS
    while any(session_of(pid) for pid in servers) and time.monotonic() < deadline:
        time.sleep(0.1)
    _kill(servers, [])
    send([pid for folder in folders for pid in working_in(folder)], signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while any(map(working_in, folders)) and time.monotonic() < deadline:
        time.sleep(0.1)
    _kill(servers, folders)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _kill(servers: Iterable[int], folders: list[str]) -> None:
    while left := [
        *(pid for leader in servers for pid in session_of(leader)),
        *(pid for folder in folders for pid in working_in(folder)),
    ]:
        send(left, signal.SIGKILL)
        time.sleep(0.05)


if __name__ == "__main__":
    main(int(sys.argv[1]))
