"""See that Redis, PostgreSQL, strace, Chromium and two shells are on this machine, for tests that run or drive them.

Needs only a bare Python. Root with apt-get gets what is missing; elsewhere it says what to install, which fails only in
continuous integration (the variable CI), for there nothing may be left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from datalake_ops.testing.services import INSTALL, missing_programs

PACKAGES = ("redis-server", "postgresql", "strace", "chromium", "zsh", "fish")
# Shells whose completion is tested; bash is everywhere.
SHELLS = ("zsh", "fish")
# The names of Chromium's program on the systems that have it.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    """Install what is missing where that needs no question; the exit code says whether the tests may go on."""
    if not _missing():
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {', '.join(PACKAGES)} with apt-get ...", flush=True)
        if not _apt_get("install", *PACKAGES):
            # A fresh machine has no lists, or old ones.
            _apt_get("update")
            _apt_get("install", *PACKAGES)
    if missing := _missing():
        print(f"Not on this machine: {', '.join(missing)}. {INSTALL}.")
        print("strace, chromium, zsh and fish are packages of their own.")
        print("The tests that need them are left out.")
        return 1 if os.environ.get("CI") else 0
    return 0


def _missing() -> list[str]:
    # Only Linux has strace; the test of it is left out elsewhere.
    traces = sys.platform != "linux" or shutil.which("strace")
    shells = [shell for shell in SHELLS if shutil.which(shell) is None]
    browses = any(map(shutil.which, BROWSERS))
    return [*missing_programs(), *([] if traces else ["strace"]), *([] if browses else ["chromium"]), *shells]


def _apt_get(verb: str, *packages: str) -> bool:
    command = ["apt-get", "--quiet", "--yes", "--no-install-recommends", verb, *packages]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-1000:]}", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
