"""Private Prefect server for tests, with nothing of the user's: its home, its database and its port are private.

Nothing here imports Prefect: the server and what talks to it are processes of their own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

import certifi

import datalake_ops
from datalake_ops.testing.process_guard import guard

_READY_SECONDS = 600.0
_STOP_SECONDS = 30.0
_LOOPBACK = "127.0.0.1,localhost"


def prefect_environment(home: Path | str, api_url: str | None = None) -> dict[str, str]:
    """Variables for a process that uses Prefect with a home of its own; without `api_url` flows run ephemerally.

    No variable that steers Prefect is passed on, no usage is reported, and no proxy stands before the loopback.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(int(_READY_SECONDS)),
        "PREFECT_CLI_COLORS": "false",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": _LOOPBACK,
        "no_proxy": _LOOPBACK,
        "PYTHONUNBUFFERED": "1",
    }
    environment["PREFECT_API_SSL_CERT_FILE"] = str(_one_authority(Path(home)))
    if api_url is not None:
        environment["PREFECT_API_URL"] = api_url
    root = Path(datalake_ops.__file__).parent.parent
    if root.name != "site-packages":
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{root}{os.pathsep}{known}" if known else str(root)
    return environment


class PrefectServer:
    """`prefect server start` as a process, on a free port of 127.0.0.1; processes that it is asked to run end with it.

    Without `home` everything lies in a temporary folder that goes when the context ends. Its SQLite is locked at times
    when many runs are under way; `database_url` (`postgresql+asyncpg://...`) names a PostgreSQL in its place, such as
    one of `datalake_ops.testing.services`.

    Raises:
        RuntimeError: the server ended before it was ready; the message has its last words.
    """

    def __init__(
        self, home: Path | str | None = None, python: str = sys.executable, database_url: str | None = None
    ) -> None:
        self._temporary = home is None
        self.home = Path(home) if home is not None else Path(tempfile.mkdtemp(prefix="datalake-ops-prefect-"))
        self.python = python
        self._database_url = database_url
        self.api_url = ""
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> PrefectServer:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._temporary:
            shutil.rmtree(self.home, ignore_errors=True)

    @property
    def database(self) -> Path:
        """The server's SQLite file, when it has no other database."""
        return self.home / "prefect.db"

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Variables for a process that talks to this server."""
        return {**prefect_environment(self.home, self.api_url), **(extra or {})}

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        port = _free_port()
        self.api_url = f"http://127.0.0.1:{port}/api"
        command = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        database = {"PREFECT_API_DATABASE_CONNECTION_URL": self._database_url} if self._database_url else {}
        server = self.run(command, "server", database)
        health = f"{self.api_url}/health"
        wait_until("the Prefect server answers", lambda: server.poll() is not None or _answers(health))
        if server.poll() is not None:
            raise RuntimeError(f"The Prefect server ended before it was ready:\n{self.log('server')[-2000:]}")

    def run(
        self, arguments: Sequence[str], log: str, extra: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start Python with these arguments in this server's environment; what it writes goes to `log`."""
        with self._log_path(log).open("ab") as stream:
            process = _start([self.python, *arguments], stream, self.environment(extra))
        guard.watch(process.pid, folder=self.home if self._temporary else None)
        self._processes.append(process)
        return process

    def log(self, name: str) -> str:
        """Output of a process so far."""
        path = self._log_path(name)
        return path.read_text(errors="replace") if path.exists() else ""

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """End one process that `run` started, and wait until it has ended."""
        self._processes.remove(process)
        end_process(process)

    def stop(self) -> None:
        """End what was started here, the server last, and wait until all have ended."""
        while self._processes:
            end_process(self._processes.pop())

    def _log_path(self, name: str) -> Path:
        return self.home / f"{name}.log"


def wait_until(
    what: str,
    found: Callable[[], object],
    seconds: float = _READY_SECONDS,
    pause: float = 0.1,
    longest_pause: float | None = None,
) -> None:
    """Call `found` until it returns something true, every `pause` seconds.

    With `longest_pause` the pauses grow to it, by a fifth each, for calls that cost something and waits of minutes.

    Raises:
        TimeoutError: it did not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not found():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:.0f} s until {what}, which did not happen.")
        time.sleep(pause)
        pause = min(pause * 1.2, max(pause, longest_pause or pause))


def end_process(process: subprocess.Popen[bytes], seconds: float = _STOP_SECONDS) -> None:
    """End a process that was started with a session of its own, and whatever it has started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    try:
        # A Prefect process that ends by a signal leaves its ephemeral server behind.
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        guard.release(process.pid)


def _one_authority(home: Path) -> Path:
    """A file with one certificate: each of Prefect's clients reads it anew, also for an address without TLS.

    certifi's hundred and more take some 20 ms of a processor, longer than the request that follows.
    """
    path = home / "authority.pem"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        first, end, _ = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----\n")
        path.write_text(first[first.index("-----BEGIN") :] + end)
    return path


def _start(command: Sequence[str], log: IO[bytes], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(address: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=2) as answer:
            return bool(json.loads(answer.read()))
    except (OSError, ValueError):
        return False
