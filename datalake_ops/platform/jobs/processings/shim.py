"""Shim of one job's program: a detached process that outlives the server and leaves its results in files.

Run as `python -I shim.py` with a JSON order on standard input: `{"folder", "argv", "env", "umask", "grace",
"output"}`. In the folder it writes `claim` (created once, so that no second shim starts), `pid` (shim, guardian and
program, with start times, since process ids are used again), `log` (the program's output) and, by one rename at the
very end, `rc` (exit code, and whether it was killed).

SIGTERM ends the program and all its descendants: SIGTERM to all, `grace` seconds, SIGKILL to all. As the subreaper this
process inherits whatever detaches itself, so that no descendant escapes by a session of its own. Its parent, the
guardian, is a subreaper too: it inherits all of them when the shim itself is killed, and ends them.

The output comes by a pipe, so that `log` is bounded however much the program prints. `output` has the limits: `bytes`
and `lines` that are kept from its beginning, `tail_bytes` and `tail_lines` from its end.

Only the standard library is used, and nothing of datalake_ops: one such pair of processes starts for every job and
stays as long as it runs.
"""

# Importing pathlib would cost every start of a job milliseconds and every shim memory.
# ruff: noqa: PTH103, PTH105, PTH123, PTH208
from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from typing import IO, Any

_PR_SET_CHILD_SUBREAPER = 36
CLAIMED = 3  # exit code: the job has a shim already
_CANNOT_START = 127
_STARTED = b"k"
_CHUNK = 65_536  # bytes, as many as a pipe holds
_DRAIN_SECONDS = 5.0
_ROOM_SECONDS = 0.5
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_GOES_ON = b"... the output goes on; of the rest only the last lines are kept, and follow when the program has ended.\n"
_LEFT_OUT = "... %d bytes of the output were left out here.\n"


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
        return _report_start(ready)
    os.close(ready)
    os.setsid()
    _guard(order, started)
    os._exit(0)


def _report_start(ready: int) -> int:
    """Wait for the shim's word that it began; print its reason if it could not."""
    # Empty means that the shim died before it began.
    word = os.read(ready, 4096)
    if word == _STARTED:
        return 0
    sys.stderr.write(word.decode(errors="replace"))
    return 1


def _guard(order: dict[str, Any], started: int) -> None:
    """Run as the guardian: the shim's parent, which ends what a killed shim leaves behind."""
    _become_subreaper()
    keeper = os.fork()
    if keeper == 0:
        # A signal to the group of one must not reach the other.
        os.setsid()
        _keep(order, started)
        os._exit(0)
    os.close(started)
    _redirect()
    signal.signal(signal.SIGTERM, lambda *_: _send(keeper, signal.SIGTERM))
    os.waitpid(keeper, 0)
    # A shim that ended by itself has left nothing here.
    _end_all(float(order["grace"]), keeper)


def _keep(order: dict[str, Any], started: int) -> None:
    """Run as the shim: start the program, wait for it, leave no process of it behind."""
    _redirect()
    _become_subreaper()
    stop = _StopFlag()
    signal.signal(signal.SIGTERM, stop)
    # "keeper" is the shim: job folders of earlier releases have this key.
    shims = {"keeper": identity(os.getpid()), "guardian": identity(os.getppid())}
    try:
        _write("pid", shims)
        output = _Output(order["output"])
        program = _start(order)
        if program is not None:
            _write("pid", {**shims, "program": identity(program.pid)})
    except OSError as error:
        # A full disk, most likely: without these files no server would find the program again.
        _end_all(0.0, 0)
        os.write(started, str(error).encode())
        return
    os.write(started, _STARTED)
    os.close(started)
    if program is None:
        return
    _block_signals()
    output.copy(program.stdout)
    code = _wait(program.pid, stop)
    killed = code is None
    left = _end_all(float(order["grace"]), program.pid)
    output.finish()
    # Before the end is written, which would wait for room on a disk that these files have filled.
    remove_working_files(".")
    _write_exit({"code": left if killed else code, "killed": killed, "at": time.time()})


class _StopFlag:
    is_set = False

    def __call__(self, number: int, frame: object) -> None:
        self.is_set = True


class _Output:
    """The program's output, copied to `log`: the beginning as it comes, the last lines when the program has ended."""

    def __init__(self, limits: dict[str, int]) -> None:
        self._bytes, self._lines = limits["bytes"], limits["lines"]
        self._tail_bytes, self._tail_lines = limits["tail_bytes"], limits["tail_lines"]
        self._log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._is_whole = True
        self._in_line = False
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._behind = 0  # bytes that came after the beginning
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def copy(self, source: IO[bytes] | None) -> None:
        """Copy from a pipe, in a thread."""
        if source is None:
            raise RuntimeError("The program has no pipe for its output.")
        self._thread = threading.Thread(target=self._run, args=(source,), daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Write the last lines; nothing is copied afterwards."""
        if self._thread is not None:
            # Not for ever: a process that is no descendant may have been given the pipe.
            self._thread.join(_DRAIN_SECONDS)
        with self._lock:
            self._is_closed = True
            tail = self._last_lines()
            left_out = self._behind - len(tail)
            self._write((_LEFT_OUT % left_out).encode() + tail if left_out else tail)

    def _run(self, source: IO[bytes]) -> None:
        while chunk := os.read(source.fileno(), _CHUNK):
            with self._lock:
                if self._is_closed:
                    return
                self._take(chunk)

    def _take(self, chunk: bytes) -> None:
        if self._is_whole:
            head = self._within_limits(chunk)
            written = self._write(head)
            self._bytes -= written
            self._lines -= head.count(b"\n")
            if head:
                self._in_line = not head.endswith(b"\n")
            chunk = chunk[written:]
            if not chunk:
                return
            self._is_whole = False
            self._write(b"\n" + _GOES_ON if self._in_line else _GOES_ON)
        self._behind += len(chunk)
        self._tail.append(chunk)
        self._tail_size += len(chunk)
        while self._tail_size - len(self._tail[0]) >= self._tail_bytes:
            self._tail_size -= len(self._tail.popleft())

    def _within_limits(self, chunk: bytes) -> bytes:
        head = chunk[: self._bytes]
        if head.count(b"\n") < self._lines:
            return head
        return head[: len(head) - len(head.split(b"\n", self._lines)[-1])]

    def _last_lines(self) -> bytes:
        tail = b"".join(self._tail)[-self._tail_bytes :]
        lines = tail.splitlines(keepends=True)
        if self._behind > len(tail) and len(lines) > 1:
            # The first one is only the end of a line.
            del lines[0]
        return b"".join(lines[-self._tail_lines :])

    def _write(self, content: bytes) -> int:
        """Append to the log; returns the bytes written, fewer on a full disk, which must not stop the program."""
        written = 0
        with contextlib.suppress(OSError):
            while written < len(content):
                written += os.write(self._log, content[written:])
        return written


def _redirect() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    # Errors of the shim itself are kept in a file.
    errors = os.open("keeper.err", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (nothing, 1), (errors, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(errors)


def _become_subreaper() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _start(order: dict[str, Any]) -> subprocess.Popen[bytes] | None:
    """Start the program; None when the system cannot, with the reason written as the job's end."""
    os.makedirs("work", exist_ok=True)
    try:
        return subprocess.Popen(
            order["argv"],
            env=order["env"],
            cwd="work",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=order["umask"],
        )
    except OSError as error:
        reason = f"{order['argv'][0]}: {error.strerror}"
    _write("rc", {"code": _CANNOT_START, "error": reason, "at": time.time()})
    return None


def remove_working_files(folder: str) -> None:
    """Remove the working directory of a program that has ended, as a container's files go with it."""
    import shutil  # A running shim has no use for it.

    shutil.rmtree(f"{folder}/work", ignore_errors=True)


def _block_signals() -> None:
    # After the program's start, which would inherit the mask; before any thread, which would take the signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    signal.signal(signal.SIGCHLD, lambda *_: None)


def _wait(program: int, stop: _StopFlag) -> int | None:
    """Wait for the program: its exit code, negative for a signal; None when it must be ended."""
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
            _send(pid, number)
        signalled |= alive
        time.sleep(0.01)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


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


def _write_exit(value: dict[str, Any]) -> None:
    """Write how the program ended, as soon as the disk has room for it; not where the job's folder is gone."""
    while True:
        try:
            _write("rc", value)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            time.sleep(_ROOM_SECONDS)
        else:
            return


def _write(name: str, value: dict[str, Any]) -> None:
    with open(f"{name}.draft", "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.replace(f"{name}.draft", name)


if __name__ == "__main__":
    sys.exit(main())
