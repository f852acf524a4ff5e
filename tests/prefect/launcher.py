"""Launcher of Python programs as forks that have Prefect loaded: `python fork_server.py launcher.py SOCKET`.

A test asks it for a program through `Launcher`, and holds a `LaunchedProcess`, which is used like a `subprocess.Popen`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Thread
from types import TracebackType

from datalake_ops.testing.prefect import PrefectServer, wait_until
from tests.prefect.fork_server import FORKING

_REQUEST_BYTES, _NUMBER_BYTES = 1 << 20, 8


class LaunchedProcess:
    """A process that the launcher has started, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self.pid = self._number()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the process runs."""
        if self.returncode is None and select.select([self._link], [], [], 0)[0]:
            self.returncode = self._number()
        return self.returncode

    def wait(self, seconds: float) -> int:
        """Wait for the exit code.

        Raises:
            subprocess.TimeoutExpired: the process runs on.
        """
        if self.returncode is None and not select.select([self._link], [], [], seconds)[0]:
            raise subprocess.TimeoutExpired(str(self.pid), seconds)
        return int(self.poll() or 0)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def end(self) -> None:
        """Kill the process, if it still runs, with all that it has started."""
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
        self._link.close()

    def _number(self) -> int:
        text = self._link.recv(_NUMBER_BYTES, socket.MSG_WAITALL)
        if len(text) < _NUMBER_BYTES:
            raise ConnectionError("The launcher has ended.")
        return int.from_bytes(text, "big", signed=True)


class Launcher:
    """Starts Python programs that talk to a Prefect server; what still runs ends with the context."""

    def __init__(self, server: PrefectServer, folder: Path) -> None:
        self._server = server
        self._address = folder / "launcher"
        self._launched: list[LaunchedProcess] = []

    def __enter__(self) -> Launcher:
        self._process = self._server.run([*FORKING, __file__, str(self._address)], "launcher")
        wait_until("the launcher listens", lambda: self._process.poll() is not None or self._address.exists())
        if self._process.poll() is not None:
            raise RuntimeError(f"The launcher has ended:\n{self._server.log('launcher')}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._launched:
            process.end()
        self._server.end(self._process)

    def run(self, arguments: Sequence[str], log: str, extra: Mapping[str, str] | None = None) -> LaunchedProcess:
        """Start Python with these arguments, a module or a file first, as `PrefectServer.run` does."""
        path = self._server.home / f"{log}.log"
        text = json.dumps([list(arguments), self._server.environment(extra), str(Path.cwd()), str(path)]).encode()
        link = socket.socket(socket.AF_UNIX)
        link.connect(str(self._address))
        link.sendall(text)
        link.shutdown(socket.SHUT_WR)
        self._launched.append(LaunchedProcess(link))
        return self._launched[-1]


def serve(address: str) -> None:
    """Start a process for each connection, and tell its id and its exit code there."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{address}.new")
    listener.listen()
    Path(f"{address}.new").rename(address)
    while True:
        link, _ = listener.accept()
        Thread(target=_launch, args=(link,), daemon=True).start()


def _launch(link: socket.socket) -> None:
    with link, link.makefile("rb") as request:
        arguments, environment, folder, log = json.loads(request.read(_REQUEST_BYTES))
        with Path(log).open("ab") as stream:
            process = subprocess.Popen(
                [sys.executable, *arguments], stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                env=environment, cwd=folder, start_new_session=True,
            )  # fmt: skip
        link.sendall(process.pid.to_bytes(_NUMBER_BYTES, "big", signed=True))
        link.sendall(process.wait().to_bytes(_NUMBER_BYTES, "big", signed=True))


if __name__ == "__main__":
    serve(sys.argv[1])
