"""Fork server of an Airflow: imports Airflow once, and forks each component and each command from there.

A component that starts by itself imports for 5 to 10 s of CPU, and so does every task that it runs; forked from here it
has all of it loaded. Also the program of the fork server, run with the settings of its Airflow in the environment. It
reads a JSON request per line and answers each with one line: `{"arguments", "log"}` starts `airflow ...` in a session
of its own and gives its `pid`; `{"pid"}` gives the exit code of such a process as `code`, null while it runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from datalake_ops.testing.process_guard import guard, send, session_of

_POLL_SECONDS = 0.05
# What the components and their tasks import, most of it late. A name that an Airflow does not have is left out.
_PRELOADED = (
    "airflow.__main__",
    "airflow.api_fastapi.app",
    "airflow.api_fastapi.core_api.routes.public",
    "airflow.api_fastapi.core_api.routes.ui",
    "airflow.api_fastapi.execution_api.routes",
    "airflow.api_fastapi.auth.managers.simple.simple_auth_manager",
    "airflow.cli.commands.api_server_command",
    "airflow.cli.commands.dag_processor_command",
    "airflow.cli.commands.db_command",
    "airflow.cli.commands.scheduler_command",
    "airflow.cli.commands.triggerer_command",
    "airflow.executors.local_executor",
    "airflow.providers.celery.cli.celery_command",
    "airflow.providers.celery.executors.celery_executor",
    "airflow.providers.standard.decorators.python",
    "airflow.sdk.execution_time.task_runner",
    "airflow_provider.operators.processing",
    "airflow_provider.operators.upload",
    "airflow_provider.plugin",
    "airflow_provider.sensors.data",
    "airflow_provider.triggers.watch",
    "datalake_ops.hook",
)


class ForkedProcess:
    """A process that a fork server started, with the methods of `subprocess.Popen` that a test needs."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self._server = server
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Exit code, negative for a signal; None while the process runs."""
        if self.returncode is None:
            self.returncode = self._server.exit_code(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the process and return its exit code.

        Raises:
            subprocess.TimeoutExpired: it has not ended after `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if timeout is not None and deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(_POLL_SECONDS)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process has not ended."""
        if self.poll() is None:
            send([self.pid], number)

    def kill_session(self) -> None:
        """End the process and everything in its session by SIGKILL, and wait until nothing of it is left."""
        send([self.pid] if self.poll() is None else [], signal.SIGKILL)
        while alive := session_of(self.pid):
            send(alive, signal.SIGKILL)
            # The leader is a zombie until it is waited for; what it started may start more until it has ended.
            self.poll()
            time.sleep(_POLL_SECONDS)
        self.wait()
        guard.release(self.pid)


class ForkServer:
    """Client of a fork server, from `start` to `close`.

    Args:
        environment: All variables of the processes.
        log: File for what the fork server itself writes.
        folder: Removed when this process has ended without `close`.

    Raises:
        RuntimeError: the fork server ended; the message has the end of its log.
    """

    def __init__(self, environment: Mapping[str, str], log: Path, folder: Path | None = None) -> None:
        self._environment = dict(environment)
        self._log = log
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def run(self, arguments: Sequence[str], log: Path) -> ForkedProcess:
        """Start `airflow` with these arguments, and the fork server before it if need be."""
        pid = int(self._ask({"arguments": list(arguments), "log": str(log)})["pid"])
        guard.watch(pid)
        return ForkedProcess(self, pid)

    def exit_code(self, pid: int) -> int | None:
        """Exit code of a process that `run` started; None while it runs."""
        code: int | None = self._ask({"pid": pid})["code"]
        return code

    def close(self) -> None:
        """End the fork server; what it started runs on."""
        if self._process is None:
            return
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.kill()
        self._process.wait()
        guard.release(self._process.pid)
        self._process = None

    def _ask(self, request: dict[str, Any]) -> Any:
        with self._lock:
            process = self._running()
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("The fork server has no pipes.")
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
            answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"The fork server ended:\n{self._log.read_text(errors='replace')[-2000:]}")
        return json.loads(answer)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                    env=self._environment, start_new_session=True,
                )  # fmt: skip
            guard.watch(self._process.pid, signal.SIGKILL, self._folder)
        return self._process


def main() -> None:
    """Answer requests until standard input ends; in a forked child, be the `airflow` that was asked for."""
    # Whatever prints must not print between the answers.
    answers, requests = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    _preload()
    for line in requests:
        request = json.loads(line)
        if "pid" in request:
            answer = {"code": _exit_code(request["pid"])}
        elif pid := _fork():
            answer = {"pid": pid}
        else:
            for stream in (answers, requests):
                os.close(stream.fileno())
            _become(request["arguments"], request["log"])
            return
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _preload() -> None:
    # Without the key in it, what is forked from here would encrypt nothing.
    import_module("airflow.configuration").write_default_airflow_configuration_if_needed()
    for module in _PRELOADED:
        with contextlib.suppress(ImportError):
            import_module(module)
    # An Airflow with other internals builds it late, as it would by itself.
    with contextlib.suppress(ImportError, AttributeError):
        _build_task_api()


def _build_task_api() -> None:
    """Build the in-process task API, which takes 6 s of CPU in each triggerer, once for all that are forked."""
    module: Any = import_module("airflow.api_fastapi.execution_api.app")
    app = module.InProcessExecutionAPI().app
    app._cadwyn_initialize()
    # The api-server has imported the function that makes its own, which checks tokens.
    module.create_task_execution_api_app = lambda **_: app


def _exit_code(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _fork() -> int:
    """Fork, and return once the child leads a session: only then can the session be signalled."""
    ready, leads = os.pipe()
    if pid := os.fork():
        os.close(leads)
        os.read(ready, 1)
        os.close(ready)
        return pid
    os.setsid()
    for end in (ready, leads):
        os.close(end)
    return 0


def _become(arguments: list[str], log: str) -> None:
    output, nothing = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    sys.argv = ["airflow", *arguments]
    if sys.platform == "darwin":
        # Its frameworks do not survive a fork.
        os.execv(sys.executable, [sys.executable, "-m", *sys.argv])  # noqa: S606 - no shell is wanted.
    import_module("airflow.__main__").main()


if __name__ == "__main__":
    main()
