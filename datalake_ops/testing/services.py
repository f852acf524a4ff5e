"""Redis and PostgreSQL for tests: private instances on 127.0.0.1, run with the programs of this machine.

Nothing of the machine's own services is touched: each instance has a temporary folder, a free port and a password of
its own, and ends with its `with` block.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from datalake_ops.testing.process_guard import guard

PROGRAMS = ("redis-server", "initdb", "postgres", "pg_isready", "pg_dump")
INSTALL = "apt-get install redis-server postgresql (Debian, Ubuntu), or brew install redis postgresql (macOS)"
# Debian and others keep PostgreSQL's server out of the PATH.
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
# Long enough for a machine that is busy with much else: nobody waits longer than something takes.
_READY_SECONDS = 600.0
_STOP_SECONDS = 10.0
_Self = TypeVar("_Self", bound="_Service")


def find_program(name: str) -> Path | None:
    """Return the path of a program: in the PATH, or where systems keep PostgreSQL's, the newest version first."""
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    places = [path for place in _PLACES for path in Path("/").glob(f"{place[1:]}/{name}")]
    return max(places, key=lambda path: [int(part) for part in path.parts if part.isdecimal()], default=None)


def missing_programs() -> list[str]:
    """Return the names of needed programs that are not on this machine."""
    return [name for name in PROGRAMS if find_program(name) is None]


class _Service:
    """Private server process in a temporary folder, for the time of a `with` block.

    Raises:
        RuntimeError: its program is missing, or it ended before it was ready; the message has the remedy.
    """

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="datalake-ops-service-"))
        self.port = _free_port()
        self.password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self: _Self) -> _Self:
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            # PostgreSQL ends its sessions at once for it, Redis ends.
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            guard.release(self._process.pid)
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def log(self) -> str:
        """Output of the server so far."""
        path = self.home / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _start(self) -> None:
        raise NotImplementedError

    def _run(self, command: Sequence[str], ready: Callable[[], bool], **options: Any) -> None:
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **options
            )
        guard.watch(self._process.pid, signal.SIGINT, self.home)
        deadline = time.monotonic() + _READY_SECONDS
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} was not ready:\n{self.log[-2000:]}")
            time.sleep(0.05)


class RedisServer(_Service):
    """Private Redis, as Celery's broker: `url`."""

    @property
    def url(self) -> str:
        """Address with the password, database 0."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def _start(self) -> None:
        settings = self.home / "redis.conf"
        # Not on the command line, which everybody on the machine can read.
        settings.write_text(
            f'bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\ndir {self.home}\nsave ""\nappendonly no\n'
        )
        settings.chmod(0o600)
        self._run([_program("redis-server"), str(settings)], self._answers)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as link:
                link.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\n") < 2 and (part := link.recv(100)):
                    answer += part
        except OSError:
            return False
        return b"PONG" in answer


class PostgresServer(_Service):
    """Private PostgreSQL with the database `postgres`; without fsync, so a power cut of the machine corrupts it."""

    user = "datalake"

    def url(self, driver: str = "postgresql") -> str:
        """SQLAlchemy's address with the password; `driver` as in `postgresql+asyncpg`."""
        return f"{driver}://{self.user}:{self.password}@127.0.0.1:{self.port}/postgres"

    def dump(self) -> str:
        """Dump the whole database as SQL.

        Raises:
            RuntimeError: `pg_dump` failed; the message has its output.
        """
        words = ["--host=127.0.0.1", f"--port={self.port}", f"--username={self.user}", "postgres"]
        environment = {**os.environ, "PGPASSWORD": self.password}
        done = subprocess.run(
            [_program("pg_dump"), *words], capture_output=True, text=True, check=False, env=environment
        )
        if done.returncode != 0:
            raise RuntimeError(f"pg_dump failed:\n{done.stderr}")
        return done.stdout

    def _start(self) -> None:
        options = self._owned()
        data = self.home / "data"
        self._initialise(data, options)
        settings = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.home,
            "max_connections": 200, "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
        }  # fmt: skip
        arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._run([_program("postgres"), "-D", str(data), *arguments], self._answers, cwd=self.home, **options)

    def _owned(self) -> dict[str, Any]:
        """Give the folder to who will run the server; PostgreSQL refuses root."""
        if os.geteuid() != 0:
            return {}
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        os.chown(self.home, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def _initialise(self, data: Path, options: dict[str, Any]) -> None:
        password = self.home / "password"
        password.write_text(self.password)
        if options:
            os.chown(password, options["user"], options["group"])
        password.chmod(0o600)
        words = [
            "-U",
            self.user,
            "-A",
            "scram-sha-256",
            f"--pwfile={password}",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]
        command = [_program("initdb"), "-D", str(data), "--locale=C", "--no-sync", *words]
        made = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.home, **options)
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")

    def _answers(self) -> bool:
        command = [_program("pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        return subprocess.run(command, check=False).returncode == 0


def _program(name: str) -> str:
    found = find_program(name)
    if found is None:
        raise RuntimeError(f"{name} is not on this machine: {INSTALL}.")
    return str(found)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
