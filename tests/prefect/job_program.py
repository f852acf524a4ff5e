"""Programs of processings whose end a test decides: `python job_program.py HOW [FOLDER]`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

PATIENCE_SECONDS = 300


def main(how: str, folder: str) -> int:
    print("opened 3 files", flush=True)
    if how == "wait":
        time.sleep(PATIENCE_SECONDS)
        return 0
    failed_before = Path(folder) / f"{how}-before"
    if how == "fail-once" and failed_before.exists():
        return 0
    failed_before.touch()
    print("the lens cap was on", flush=True)
    return 3


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2]))
