"""Processes of the demo; all of them end with it."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from datalake_ops.demo.failure import failure_text
from datalake_ops.errors import DatalakeError

# Each process of a demo carries this in its environment, also those that its children start and detach.
_MARK = "DATALAKE_OPS_DEMO"
# The platform takes up to 10 s to end its connections.
_GRACE_SECONDS = 20.0


class DemoError(DatalakeError):
    """A part of the demo did not do what it should; the text says which, why, and where its log is."""


class Processes:
    """Starts processes apart from the terminal, each with a log file, and ends them all."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.mark = secrets.token_hex(8)
        self._started: list[subprocess.Popen[bytes]] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[object], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a command; its output goes to `NAME.log`."""
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**environment, _MARK: self.mark},
                # Ctrl-C reaches the demo alone, which then ends the others in the right order.
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def log(self, name: str) -> Path:
        """Path of a process's log."""
        return self.logs / f"{name}.log"

    def check(self, name: str, process: subprocess.Popen[bytes], title: str | None = None) -> None:
        """Make sure that a process ended well.

        Raises:
            DemoError: its exit code is not 0; the text says in one sentence what failed and why, then where its log is.
        """
        if process.returncode != 0:
            raise self.failure(name, process, title)

    def failure(self, name: str, process: subprocess.Popen[bytes], title: str | None = None) -> DemoError:
        """Error of a process that ended otherwise than it should."""
        log = self.log(name)
        said = failure_text(title or name, log.read_text(errors="replace"), process.returncode)
        return DemoError(f"{said}\nLog: {log}")

    def release(self, process: subprocess.Popen[bytes]) -> None:
        """Let a process go on when the demo ends."""
        self._started.remove(process)

    def end_all(self, spare: Sequence[int] = ()) -> None:
        """End what was started and still runs, newest first, then whatever else carries the demo's mark."""
        for process in reversed(self._started):
            end(process)
        self._started.clear()
        for number in (signal.SIGTERM, signal.SIGKILL):
            # Asked first: the keeper of a platform's job ends the job's program, which no longer carries the mark.
            left = set(self.marked()) - set(spare)
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + _GRACE_SECONDS
            while left and time.monotonic() < deadline:
                time.sleep(0.05)
                left = set(self.marked()) - set(spare)

    def marked(self) -> Iterator[int]:
        """Process ids that carry this demo's mark (Linux tells; elsewhere there are none)."""
        wanted = f"{_MARK}={self.mark}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a running process with its whole group: first asked, then, after some seconds, made to."""
    if process.poll() is not None:
        # Its number may belong to somebody else by now; the mark finds what it left behind.
        return
    os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for_file(path: Path, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until a file is there.

    Raises:
        DemoError: the process that should write it ended first, or the time ran out.
    """
    deadline = time.monotonic() + seconds
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise DemoError(f"{path.name} did not appear within {seconds:.0f} s.")
        time.sleep(0.02)
