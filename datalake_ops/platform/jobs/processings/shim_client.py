"""Client of shims: start them, find them again, read their results."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datalake_ops.platform.child_environment import inherited_environment
from datalake_ops.platform.jobs.processings import shim
from datalake_ops.platform.jobs.processings.leftover_processes import FOLDER_VARIABLE, kill_leftovers

GRACE = 10.0  # seconds between SIGTERM and SIGKILL
START_TIMEOUT = 60.0
_OUTPUT = {"bytes": 16 * 1024**2, "lines": 90_000, "tail_bytes": 256 * 1024, "tail_lines": 1000}


class CannotStartError(RuntimeError):
    """The shim itself could not be started."""


@dataclass(frozen=True)
class ProgramExit:
    """End of a program: its exit code (negative for a signal), `killed`, and the error that kept it from starting.

    No code means that it is unknown: the program and its shim are gone.
    """

    code: int | None
    killed: bool = False
    error: str | None = None


class JobShim:
    """Shim of one job, identified by its folder alone, so that it is found again after a restart."""

    def __init__(self, folder: Path, umask: int = 0o022) -> None:
        self.folder = folder
        self._umask = umask

    @property
    def log(self) -> Path:
        """File with the program's output."""
        return self.folder / "log"

    def start(self, argv: Sequence[str], env: Mapping[str, str], grace: float = GRACE) -> None:
        """Start shim and program; do nothing if any server started them before.

        Raises:
            CannotStartError: the operating system refused.
        """
        marked = {**env, FOLDER_VARIABLE: str(self.folder.resolve())}
        order: dict[str, Any] = {"folder": str(self.folder), "argv": list(argv), "env": marked}
        order |= {"umask": self._umask, "grace": grace, "output": _OUTPUT}
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # By standard input: the token and the rest of the environment are never on disk.
            done = subprocess.run(
                [sys.executable, "-I", shim.__file__],
                input=json.dumps(order).encode(),
                env=inherited_environment(),
                capture_output=True,
                timeout=START_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotStartError(f"The job's shim could not be started: {error}.") from error
        if done.returncode not in (0, shim.CLAIMED):
            words = done.stderr.decode(errors="replace").strip().splitlines()
            raise CannotStartError(f"The job's shim ended at once: {words[-1] if words else 'it printed no reason'}.")

    def was_started(self) -> bool:
        """Return True if any server has started it."""
        return (self.folder / "claim").exists()

    def ending(self) -> ProgramExit | None:
        """Return the program's end, None while it runs or when its shim is lost."""
        found = _read(self.folder / "rc")
        return ProgramExit(found["code"], found.get("killed", False), found.get("error")) if found else None

    def is_alive(self) -> bool:
        """Return True if the shim or its guardian runs, or has just been started; read `ending` again after a False."""
        if (self.folder / "pid").exists():
            return any(shim.is_running(self._identity(name)) for name in ("keeper", "guardian"))
        claim = self.folder / "claim"
        # A clock that was set back must not keep it starting for ever.
        return claim.exists() and abs(time.time() - claim.stat().st_mtime) < START_TIMEOUT

    def terminate(self) -> bool:
        """Signal the shim to end the program and its descendants; returns False when no shim runs."""
        process = self._identity("keeper")
        if not shim.is_running(process):
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(process["pid"], signal.SIGTERM)
        return True

    def clear_away(self) -> None:
        """Kill the processes of a program whose shim and guardian were lost, and remove its working files."""
        kill_leftovers(self.folder, self._identity("program"))
        shim.remove_working_files(str(self.folder))

    def _identity(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = (_read(self.folder / "pid") or {}).get(name, {})
        return found


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
        return value
    except FileNotFoundError:
        return None
