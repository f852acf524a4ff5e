"""How much `import prefect_tasks` adds to `import prefect`, in fresh processes.

Every Prefect worker, server and command imports `prefect_tasks`, for it is a Prefect collection.

.venvs/prefect/bin/python benchmarks/prefect_importing.py [--quick] [--rounds 15] [--check]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

from sides import save

GOAL_SECONDS = 0.060
# In one process, for the time that Prefect itself takes varies by more than what is measured.
MEASURE = """
import json, time
began = time.process_time()
import prefect
from prefect import flow, task
between = time.process_time()
import prefect_tasks
print(json.dumps([between - began, time.process_time() - between]))
"""


def main() -> None:
    """Measure, print a table and write a file; with --check, fail above the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    rounds = options.rounds or (5 if options.quick else 15)
    measured = [measure() for _ in range(rounds)]
    prefect, ours = (statistics.median(one[side] for one in measured) for side in (0, 1))
    print(f"prefect        {prefect * 1000:7.1f} ms of CPU")
    print(f"prefect_tasks  {ours * 1000:7.1f} ms more (goal <= {GOAL_SECONDS * 1000:.0f} ms)")
    save("prefect_importing-quick" if options.quick else "prefect_importing", {"prefect": prefect, "added": ours})
    if options.check and ours > GOAL_SECONDS:
        sys.exit(1)


def measure() -> tuple[float, float]:
    """CPU seconds of a fresh process for Prefect, and then for this package."""
    done = subprocess.run([sys.executable, "-c", MEASURE], check=True, capture_output=True, text=True)
    prefect, ours = json.loads(done.stdout)
    return prefect, ours


if __name__ == "__main__":
    main()
