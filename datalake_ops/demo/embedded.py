"""The demo's own platform: one process, one home folder, one lake for each orchestrator."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from datalake_ops.config import Connection
from datalake_ops.demo.processes import DemoError, Processes, wait_for_file
from datalake_ops.platform.cli_options import TOKEN_VARIABLE

_READY_SECONDS = 180.0


@dataclass(frozen=True)
class Embedded:
    """A running platform."""

    process: subprocess.Popen[bytes]
    home: Path
    connection: Connection

    @property
    def bucket(self) -> Path:
        """The folder that is the lakes' bucket."""
        return self.home / "bucket"

    def lake(self, name: str) -> Connection:
        """The connection to one of its lakes."""
        return self.connection.with_(datalake_name=name)


def start_platform(home: Path, lakes: tuple[str, ...], processes: Processes) -> Embedded:
    """Start the platform on a free port with these lakes, and wait until it answers.

    Raises:
        DemoError: it did not start; the text has its last words.
    """
    token = f"dlo_{secrets.token_urlsafe(24)}"
    command = [sys.executable, "-m", "datalake_ops.platform", "--home", home, "--port", "0"]
    named = [word for lake in lakes for word in ("--lake", lake)]
    process = processes.start("platform", [*command, *named], {**os.environ, TOKEN_VARIABLE: token})
    note = home / "server.json"
    try:
        wait_for_file(note, process, _READY_SECONDS)
    except DemoError as error:
        if process.poll() is None:
            raise DemoError(f"The platform did not start: {error}\nLog: {processes.log('platform')}") from error
        raise processes.failure("platform", process, "The platform") from error
    return Embedded(process, home, Connection(json.loads(note.read_text())["url"], token))
