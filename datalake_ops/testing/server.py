"""Private platform for tests: a real server process, started and stopped by a test."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import datalake_ops
from datalake_ops.platform.cli_options import TOKEN_VARIABLE
from datalake_ops.testing.platform_admin import PlatformAdmin
from datalake_ops.testing.process_guard import guard

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook

# Another interpreter to run the platform with, for environments that do not hold its dependencies.
PYTHON_VARIABLE = "DATALAKE_OPS_PLATFORM_PYTHON"
# Long enough for a machine that is busy with much else: nobody waits longer than something takes.
_READY_SECONDS = 600.0
_STOP_SECONDS = 20.0


class PlatformServer(PlatformAdmin):
    """Embedded platform as a process of its own, on 127.0.0.1.

    Without `home` it lives in a temporary folder that goes when the context ends. Killed or stopped, it can be started
    again on the same home and port: what was there is there again. `arguments` are more words for `serve`.

    Raises:
        RuntimeError: the process ended before it was ready; the message has its last words.
    """

    def __init__(
        self,
        home: Path | str | None = None,
        bucket: Path | str | None = None,
        token: str | None = None,
        port: int = 0,
        admin: bool = True,
        arguments: Sequence[str] = (),
    ) -> None:
        self._temporary = home is None
        self.home = Path(home) if home is not None else Path(tempfile.mkdtemp(prefix="datalake-ops-"))
        self.bucket = Path(bucket) if bucket is not None else self.home / "bucket"
        self.token = token or f"dlo_{secrets.token_urlsafe(24)}"
        self._port = port
        self._admin = admin
        self._arguments = list(arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> PlatformServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._temporary:
            shutil.rmtree(self.home, ignore_errors=True)

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise RuntimeError("The platform is not running; call start().")
        return self._process.pid

    @property
    def log(self) -> str:
        """Output of the server so far."""
        path = self.home / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start the server and wait until it answers."""
        if self._process is not None and self._process.poll() is None:
            raise RuntimeError("The platform is already running.")
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A server that was killed left its note behind.
        (self.home / "server.json").unlink(missing_ok=True)
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=_environment(self.token), start_new_session=True,
            )  # fmt: skip
        guard.watch(self._process.pid, folder=self.home if self._temporary else None)
        self.url = self._await_note(self._process)
        self._port = int(self.url.rpartition(":")[2])

    def stop(self) -> None:
        """Ask the server to end, and wait until it has; does nothing when it is not running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a power cut would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def hook(self, **options: Any) -> DatalakeHook:
        """Return a hook for this platform; options are those of `DatalakeHook`."""
        from datalake_ops.hook import DatalakeHook

        return DatalakeHook(**{"host": self.url, "api_token": self.token, **options})

    def _command(self) -> list[str]:
        python = os.environ.get(PYTHON_VARIABLE) or sys.executable
        command = [python, "-m", "datalake_ops.platform", "--home", str(self.home), "--bucket", str(self.bucket)]
        command += ["--port", str(self._port), *self._arguments]
        return [*command, "--enable-admin"] if self._admin else command

    def _await_note(self, process: subprocess.Popen[bytes]) -> str:
        note = self.home / "server.json"
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            if note.exists():
                return str(json.loads(note.read_text())["url"])
            if process.poll() is not None:
                raise RuntimeError(f"The platform ended before it was ready:\n{self.log[-2000:]}")
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"The platform was not ready within {_READY_SECONDS:.0f} s:\n{self.log[-2000:]}")

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        guard.release(self._process.pid)
        self._process = None


def _environment(token: str) -> dict[str, str]:
    """This environment, in which the child finds the same datalake_ops when it is not installed, and its token.

    The command line of a process is everybody's to read, its environment only its user's.
    """
    environment = {**os.environ, TOKEN_VARIABLE: token}
    root = Path(datalake_ops.__file__).parent.parent
    if root.name != "site-packages":
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{root}{os.pathsep}{known}" if known else str(root)
    return environment
