"""Programs of processings whose end a test decides: `python job_program.py HOW FOLDER`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

# Longer than an operator waits on its worker before it defers.
SLOW_SECONDS = 7
# Longer than any test may take: a program that ends by itself would look like a job that was cared for.
PATIENCE_SECONDS = 3600
# These programs end when a test makes a file of that name.
GATES = {"gated": "gate", "held": "held", "held-failing": "held-failing"}


def main(how: str, folder: str) -> int:
    print("opened 3 files", flush=True)
    if how in GATES or how == "patient":
        _wait_in(Path(folder), GATES.get(how))
        if how != "held-failing":
            return 0
    time.sleep({"slow": SLOW_SECONDS, "late-failing": SLOW_SECONDS}.get(how, 0))
    if how in ("quick", "slow") or (how == "second-time-lucky" and not _is_first(Path(folder) / "ran-before")):
        return 0
    print("the lens cap was on", flush=True)
    return 3


def _wait_in(folder: Path, gate: str | None) -> None:
    """Wait for a file in a folder, or for nothing; the folder goes when the tests end, and nobody waits any more."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while folder.exists() and time.monotonic() < deadline:
        if gate is not None and (folder / gate).exists():
            return
        time.sleep(0.5)


def _is_first(marker: Path) -> bool:
    """Every other call is a first one."""
    if marker.exists():
        marker.unlink()
        return False
    marker.touch()
    return True


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2]))
