"""Fork server for programs that use Prefect: `python fork_server.py [-m MODULE | FILE] [ARGUMENT ...]`.

Importing Prefect costs seconds of a processor, and each run in a work pool does it twice. This program imports Prefect
once and then runs the named module or file. A process that it starts with the same interpreter is a fork of that state,
with the arguments, variables, folder and streams that it was to have: a child process like any other, with an id,
signals and an exit code of its own. Only Prefect is loaded beforehand, so each process imports our packages and its
flow itself. Needs Linux, where a process can adopt its orphans; elsewhere the program starts processes as usual.
"""

from __future__ import annotations

import ctypes
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

# What stands between the interpreter and a program whose processes are to be forks.
FORKING = (str(Path(__file__).resolve()),)
# From <linux/prctl.h>.
_PARENT_DEATH_SIGNAL, _CHILD_SUBREAPER = 1, 36
_LENGTH_BYTES = 8
# Prepares the folder of a run in a work pool, then replaces itself by the interpreter that runs the flow.
_SUPERVISOR = "prefect.runner._workspace_supervisor"
# The interpreter's own folders, which every program has on its path.
_INSTALLED = [entry for entry in sys.path[1:] if entry not in os.environ.get("PYTHONPATH", "").split(os.pathsep)]


@dataclass(frozen=True)
class Program:
    """A Python program to run: its words after the interpreter, its variables and its folder."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    new_session: bool = False

    def encoded(self) -> bytes:
        return json.dumps([self.arguments, self.environment, self.folder, self.new_session]).encode()

    @classmethod
    def decoded(cls, text: bytes) -> Program:
        return cls(*json.loads(text))

    def enter(self) -> None:
        """Give this process the program's folder, variables and settings of Prefect."""
        from prefect.context import refresh_global_settings_context
        from prefect.logging.configuration import setup_logging

        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environment)
        refresh_global_settings_context()
        setup_logging(incremental=False)

    def run(self) -> None:
        """Run the program in this process as `__main__`."""
        named = self.arguments[0] == "-m"
        name, *rest = self.arguments[1:] if named else self.arguments
        path = self.environment.get("PYTHONPATH", "")
        first = self.folder if named else str(Path(name).resolve().parent)
        sys.path[:] = [first, *filter(None, path.split(os.pathsep)), *_INSTALLED]
        sys.argv[:] = [name, *rest]
        # Prefect imports some of its programs itself.
        warnings.filterwarnings("ignore", ".*found in sys.modules after import of package", RuntimeWarning)
        if named:
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(name, run_name="__main__")


def main(arguments: list[str]) -> None:
    """Run a program whose processes are forks; returns when it, or the fork that this has become, ends."""
    program = Program(arguments, dict(os.environ), str(Path.cwd()))
    if sys.platform == "linux":
        import prefect.flow_engine
        import prefect.runner.runner  # noqa: F401

        _prctl(_CHILD_SUBREAPER, 1)
        ours, theirs = socket.socketpair()
        if os.fork() == 0:
            ours.close()
            program = serve(theirs)
            theirs.close()
            program.enter()
            program = prepared(program)
        else:
            theirs.close()
            subprocess._fork_exec = ForkingStarter(ours, subprocess._fork_exec)  # type: ignore[attr-defined]
    program.run()


def serve(link: socket.socket) -> Program:
    """Fork once for each request of the link, and end with it; returns in each fork, with the program to run."""
    while True:
        header, streams, _, _ = socket.recv_fds(link, _LENGTH_BYTES, 3)
        if not header:
            os._exit(0)
        program = Program.decoded(_read(link, int.from_bytes(header, "big")))
        reading, writing = os.pipe()
        between = os.fork()
        if between == 0:
            if pid := os.fork():
                os.write(writing, pid.to_bytes(_LENGTH_BYTES, "big"))
                # The program's process loses its parent here, and becomes a child of who asked for it.
                os._exit(0)
            if program.new_session:
                os.setsid()
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            for descriptor in (*streams, reading, writing):
                os.close(descriptor)
            return program
        os.waitpid(between, 0)
        link.sendall(os.read(reading, _LENGTH_BYTES))
        for descriptor in (*streams, reading, writing):
            os.close(descriptor)


class ForkingStarter:
    """Stands for `subprocess._fork_exec`: asks the fork server for Python programs, and starts all else itself."""

    def __init__(self, link: socket.socket, fork_exec: Any) -> None:
        self._link, self._fork_exec, self._lock = link, fork_exec, Lock()

    def __call__(self, args: Any, executables: Any, close_fds: bool, kept: Any, cwd: Any, env: Any, *rest: Any) -> int:
        stdin, _, _, stdout, _, stderr, _, error = rest[:8]
        new_session, group, *user = rest[9:14]
        words = [os.fsdecode(word) for word in args]
        plain = close_fds and tuple(kept) == (error,) and group == -1 and set(user) <= {None, -1}
        if not (plain and is_python_program(words)):
            return int(self._fork_exec(args, executables, close_fds, kept, cwd, env, *rest))
        variables = [tuple(os.fsdecode(item).split("=", 1)) for item in env] if env is not None else os.environ.items()
        folder = str(Path(os.fsdecode(cwd)).absolute() if cwd is not None else Path.cwd())
        text = Program(words[1:], dict(variables), folder, bool(new_session)).encoded()
        streams = [given if given != -1 else number for number, given in enumerate((stdin, stdout, stderr))]
        with self._lock:
            socket.send_fds(self._link, [len(text).to_bytes(_LENGTH_BYTES, "big")], streams)
            self._link.sendall(text)
            return int.from_bytes(_read(self._link, _LENGTH_BYTES), "big")


def is_python_program(words: list[str]) -> bool:
    """True for a module or a file that this interpreter is to run without options."""
    return len(words) > 1 and words[0] == sys.executable and (words[1] == "-m" or words[1].endswith(".py"))


def prepared(program: Program) -> Program:
    """The program that a workspace's supervisor would replace its process by, once it has prepared the workspace.

    The supervisor runs in a fork: this process keeps its id and stays free of what the preparation has started.
    """
    if program.arguments[:2] != ["-m", _SUPERVISOR]:
        return program
    reading, writing = os.pipe()
    supervisor = os.fork()
    if supervisor == 0:
        _prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)

        def replace(_file: str, arguments: list[str], environment: dict[str, str]) -> NoReturn:
            os.write(writing, Program(arguments[1:], environment, str(Path.cwd())).encoded())
            os._exit(0)

        os.execvpe = replace
        return program
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(supervisor, 0)
    if not text:
        raise SystemExit(os.waitstatus_to_exitcode(status))
    engine = Program.decoded(text)
    engine.enter()
    return engine


def _read(link: socket.socket, size: int) -> bytes:
    text = b""
    while len(text) < size:
        part = link.recv(size - len(text))
        if not part:
            raise ConnectionError("The fork server has ended.")
        text += part
    return text


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) failed")


if __name__ == "__main__":
    main(sys.argv[1:])
