"""Processes of an Airflow for tests, which can be killed, paused and started again one by one."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from datalake_ops.testing.airflow_fork_server import ForkedProcess, ForkServer
from datalake_ops.testing.process_guard import send, session_of

# Celery workers are `worker-1`, `worker-2` and so on.
WORKER = "worker-"
_READY_SECONDS = 600.0
_STOP_SECONDS = 10.0
# The log servers would listen on every interface of the machine.
_OPTIONS = {"scheduler": ["--skip-serve-logs"], "triggerer": ["--skip-serve-logs"]}


class AirflowProcesses:
    """Components of one Airflow, each a process that leads a session of its own.

    Args:
        home: Airflow's home, where each component writes a log.
        environment: All variables of the processes.
        temporary: Whether `home` is to be removed when the process that started the components ends.
    """

    def __init__(self, home: Path, environment: Mapping[str, str], temporary: bool = False) -> None:
        self.home = home
        self._forks = ForkServer(environment, home / "fork-server.log", home if temporary else None)
        self._processes: dict[str, ForkedProcess] = {}
        self._ended_at: dict[str, float] = {}

    def migrate(self) -> None:
        """Make the metadata database.

        Raises:
            RuntimeError: `airflow db migrate` failed; the message has the end of its output.
        """
        migration = self._forks.run(["db", "migrate"], self.home / "migrate.log")
        code = migration.wait(_READY_SECONDS)
        migration.kill_session()
        if code != 0:
            raise RuntimeError(f"airflow db migrate failed:\n{self.log('migrate')[-2000:]}")

    def start(self, component: str) -> None:
        """Start one of the components."""
        self._processes[component] = self._forks.run(_command(component, self.home), self.home / f"{component}.log")

    def stop(self, component: str) -> None:
        """End a component by SIGTERM, and after 10 s by SIGKILL, with everything it has started."""
        self._processes[component].send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._processes[component].wait(_STOP_SECONDS)
        self.kill(component)

    def kill(self, component: str) -> None:
        """End a component and everything it has started as a power cut would (SIGKILL)."""
        self._processes.pop(component).kill_session()
        self._ended_at[component] = time.time()

    def pause(self, component: str) -> None:
        """Stop a component and all it has started where they are (SIGSTOP), until `resume`."""
        send(session_of(self.pid(component)), signal.SIGSTOP)

    def resume(self, component: str) -> None:
        """Let a component and all it has started go on (SIGCONT)."""
        send(session_of(self.pid(component)), signal.SIGCONT)

    def pid(self, component: str) -> int:
        """Process id of a running component; it leads a session of its own, which its children stay in."""
        return self._processes[component].pid

    def is_running(self, component: str) -> bool:
        """True if a component was started and not yet stopped or killed."""
        return component in self._processes

    def log(self, component: str) -> str:
        """Output of a component so far."""
        path = self.home / f"{component}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def ended_at(self, component: str) -> float:
        """Time of the last end of a component, in seconds since the epoch; 0 before the first."""
        return self._ended_at.get(component, 0.0)

    def check(self) -> None:
        """Check that every component that was started runs.

        Raises:
            RuntimeError: one has ended by itself; the message has the end of its log.
        """
        for component, process in self._processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"The {component} ended:\n{self.log(component)[-2000:]}")

    def stop_all(self) -> None:
        """End every component, side by side, and what starts them."""
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for component in list(self._processes):
            self.stop(component)
        self._forks.close()


def _command(component: str, home: Path) -> list[str]:
    if not component.startswith(WORKER):
        return [component, *_OPTIONS.get(component, [])]
    # They do not tell one another what they do, which nobody here asks for.
    quiet = ["--skip-serve-logs", "--without-gossip", "--without-mingle"]
    return ["celery", "worker", "--celery-hostname", f"{component}@%h", "--pid", str(home / component), *quiet]
