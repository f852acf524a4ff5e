"""Programs of processings whose end a test decides: `python job_program.py HOW [FOLDER]`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_SECONDS = 3600


def main(how: str, folder: str) -> int:
    print("opened 3 files", flush=True)
    if how == "until-told":
        # The platform's contract spells its variables in small letters.
        end = Path(folder) / f"{os.environ['job_id']}.end"  # noqa: SIM112
        _wait(folder, until=end.exists, pause=0.1)
        return 0
    if how == "wait":
        _wait(folder, until=lambda: False, pause=1.0)
        return 0
    failed_before = Path(folder) / f"{how}-before"
    if how == "fail-once" and failed_before.exists():
        return 0
    failed_before.touch()
    print("the lens cap was on", flush=True)
    return 3


def _wait(folder: str, until: Callable[[], bool], pause: float) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    # Nobody may be left to stop a program whose tests are over, but their folder is gone then.
    while not until() and Path(folder).exists() and time.monotonic() < deadline:
        time.sleep(pause)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2]))
