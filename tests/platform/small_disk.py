"""A small disk of a test's own, which it can fill."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MIB = 1024**2
DISK_MIB = 48


@contextmanager
def a_home_on_a_small_disk(folder: Path) -> Iterator[Path]:
    """A home on a disk of 48 MiB, mounted below `folder`; skips the test where there is no right to mount one."""
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a disk here")
    try:
        home = disk / "home"
        home.mkdir(mode=0o700)
        # The server's words must have a place.
        (home / "server.log").symlink_to(folder / "server.log")
        yield home
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(path: Path, spare: int = 0) -> None:
    """Take what is left of a disk by one file, but for so many bytes."""
    with path.open("ab", buffering=0) as file:
        for size in (MIB, 4096, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
        file.truncate(max(0, file.tell() - spare))
