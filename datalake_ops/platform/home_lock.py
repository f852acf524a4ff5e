"""Lock of a home folder: one server, or one command that changes it as a whole."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class HomeInUseError(RuntimeError):
    """Another process holds the home folder; the message names it."""


@contextmanager
def lock_home(home: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel releases it however this process ends.

    Raises:
        HomeInUseError: a server, or another command, holds it.
    """
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            raise HomeInUseError(
                f"Another server (pid {holder or 'unknown'}) already serves {home}. Stop it, or give another --home."
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
