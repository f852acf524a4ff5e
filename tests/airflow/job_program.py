"""Programs of processings whose end a test decides: `python job_program.py HOW FOLDER`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

# Longer than an operator waits on its worker before it defers.
SLOW_SECONDS = 7
PATIENCE_SECONDS = 300
# A gated program ends when a test makes this file.
GATE = "gate"


def main(how: str, folder: str) -> int:
    print("opened 3 files", flush=True)
    if how == "gated":
        _wait_for(Path(folder) / GATE)
        return 0
    time.sleep({"slow": SLOW_SECONDS, "late-failing": SLOW_SECONDS, "patient": PATIENCE_SECONDS}.get(how, 0))
    if how in ("quick", "slow", "patient") or (
        how == "second-time-lucky" and not _is_first(Path(folder) / "ran-before")
    ):
        return 0
    print("the lens cap was on", flush=True)
    return 3


def _wait_for(gate: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not gate.exists() and time.monotonic() < deadline:
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
