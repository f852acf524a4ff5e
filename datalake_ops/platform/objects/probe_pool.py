"""Pool of child processes that probe files for the platform's threads."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from typing import Any, BinaryIO

from datalake_ops.platform.child_environment import inherited_environment, package_path
from datalake_ops.platform.objects.probe_worker import FULL, LARGE_COPY, PLAIN, SMALL_COPY

CPU_SECONDS = 60  # processor time for one file; on a busy machine it says the same as on an idle one
ANSWER_TIMEOUT = 1800.0  # seconds after which a child is taken for dead, whatever it waits for
IDLE_LIFE = 60.0  # seconds after which an idle child is ended
_COMMAND = (sys.executable, "-m", "datalake_ops.platform.objects.probe_worker")


class ProbeCrashedError(RuntimeError):
    """The child process died over this file, hung, or used up its processor time; the text says which."""


class ProbePoolClosedError(RuntimeError):
    """The server is stopping; the file was not probed."""


class ProbePool:
    """Pool with at most one child process per processor, four at most; none starts before it is needed."""

    def __init__(self, size: int | None = None, cpu_seconds: int = CPU_SECONDS) -> None:
        self.size = size or max(1, min(4, os.cpu_count() or 1))
        self._cpu_seconds = cpu_seconds
        self._free = threading.Semaphore(self.size)
        self._lock = threading.Lock()
        self._idle: deque[_ProbeProcess] = deque()
        self._busy: set[_ProbeProcess] = set()
        self._reaper: threading.Timer | None = None
        self._closed = False

    def probe(self, file: BinaryIO, full: bool = False) -> dict[str, Any]:
        """Fields of `probe.ProbeResult`, or `{"reason", "size_bytes"}`; blocks the calling thread.

        `full` reads place, true moment and camera too.

        Raises:
            ProbeCrashedError: the file crashed or hung the child that read it.
        """
        return self._ask(file, FULL if full else PLAIN)

    def copy(self, file: BinaryIO, large: bool = False) -> dict[str, Any]:
        """JPEG to be looked at, as `{"jpeg": base64}`, or `{"reason", "size_bytes"}`; blocks the calling thread.

        Raises:
            ProbeCrashedError: the file crashed or hung the child that read it.
        """
        return self._ask(file, LARGE_COPY if large else SMALL_COPY)

    def _ask(self, file: BinaryIO, word: bytes) -> dict[str, Any]:
        with self._free:
            child = self._take()
            try:
                answer = child.ask(file, word)
            except ProbeCrashedError as error:
                if self._closed:
                    raise ProbePoolClosedError from error
                raise
            finally:
                self._give_back(child)
            return answer

    def close(self) -> None:
        """End the child processes."""
        with self._lock:
            self._closed = True
            children, self._idle = [*self._idle, *self._busy], deque()
            if self._reaper is not None:
                self._reaper.cancel()
        for child in children:
            child.end()

    def _take(self) -> _ProbeProcess:
        with self._lock:
            if self._closed:
                raise ProbePoolClosedError
            child = self._idle.pop() if self._idle else _ProbeProcess(self._cpu_seconds)
            self._busy.add(child)
            return child

    def _give_back(self, child: _ProbeProcess) -> None:
        child.idle_since = time.monotonic()
        with self._lock:
            self._busy.discard(child)
            if child.is_well and not self._closed:
                self._idle.append(child)
                self._watch()
                return
        child.end()

    def _watch(self) -> None:
        if self._reaper is None:
            self._reaper = threading.Timer(IDLE_LIFE, self._reap)
            self._reaper.daemon = True
            self._reaper.start()

    def _reap(self) -> None:
        expired: list[_ProbeProcess] = []
        with self._lock:
            self._reaper = None
            # The left end has been idle longest, since processes are taken from the right.
            while self._idle and time.monotonic() - self._idle[0].idle_since >= IDLE_LIFE:
                expired.append(self._idle.popleft())
            if self._idle and not self._closed:
                self._watch()
        for child in expired:
            child.end()


class _ProbeProcess:
    def __init__(self, cpu_seconds: int) -> None:
        self._cpu_seconds = cpu_seconds
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*_COMMAND, str(theirs.fileno()), str(cpu_seconds)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # It reads files that nobody has checked, so it knows no secret.
                env={**inherited_environment(), **package_path(), "OMP_NUM_THREADS": "1"},
            )
        self._channel.settimeout(ANSWER_TIMEOUT)
        self.idle_since = time.monotonic()
        # False while a request is open: a child that owes an answer would give it to the next request.
        self.is_well = True

    def ask(self, file: BinaryIO, word: bytes) -> dict[str, Any]:
        self.is_well = False
        try:
            socket.send_fds(self._channel, [word], [file.fileno()])
            answer: dict[str, Any] = json.loads(self._read_line())
        except TimeoutError as error:
            raise ProbeCrashedError(f"the decoder did not answer within {ANSWER_TIMEOUT:.0f} s") from error
        except OSError as error:
            raise ProbeCrashedError(self._cause_of_death()) from error
        self.is_well = True
        return answer

    def _cause_of_death(self) -> str:
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            code = None
        if code == -signal.SIGXCPU:
            return f"decoding the file takes more than {self._cpu_seconds} s of processor time"
        return "the decoder crashed on this file"

    def end(self) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def _read_line(self) -> bytes:
        answer = bytearray()
        while not answer.endswith(b"\n"):
            chunk = self._channel.recv(65536)
            if not chunk:
                raise ConnectionResetError("the child ended")
            answer += chunk
        return bytes(answer)
