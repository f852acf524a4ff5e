"""What importing our operators adds to the parsing of a DAG file, and what importing Airflow itself takes.

.venvs/airflow/bin/python benchmarks/airflow_parsing.py [--rounds 9]     (goal: at most 60 ms more)

Each round is a fresh process. CPU time is counted, so that a busy machine says the same as a quiet one as nearly as
may be. Python's collector is told to leave Airflow's objects alone, for its passes over them fall anywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

from sides import save

GOAL_MS = 60.0
MEASURE = """
import gc, json, sys, time
start = time.process_time()
# What every DAG file imports; `import airflow.sdk` alone loads nothing yet.
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator, dag, task
middle = time.process_time()
gc.freeze()
before = set(sys.modules)
import airflow_provider.decorators
import airflow_provider.pipeline
from airflow_provider.get_provider_info import get_provider_info
info = get_provider_info()
for kind in ("operators", "sensors"):
    for name in info[kind][0]["python-modules"]:
        __import__(name)
end = time.process_time()
heavy = [name for name in ("httptools", "PIL", "requests") if name in set(sys.modules) - before]
print(json.dumps({"airflow_ms": (middle - start) * 1e3, "ours_ms": (end - middle) * 1e3, "heavy": heavy}))
"""


def main() -> None:
    """Measure, print and write a file; fail when something heavy is imported."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = [one_round() for _ in range(parser.parse_args().rounds)]
    figures = {name: statistics.median(one[name] for one in rounds) for name in ("airflow_ms", "ours_ms")}
    print(f"airflow.sdk {figures['airflow_ms']:7.0f} ms of CPU")
    print(f"ours        {figures['ours_ms']:7.1f} ms of CPU more (goal <= {GOAL_MS:.0f})")
    save("airflow-parsing", figures)
    if any(one["heavy"] for one in rounds):
        raise SystemExit(f"Importing the operators imported {rounds[0]['heavy']}.")


def one_round() -> dict[str, float]:
    """The figures of one fresh process, with an Airflow home of its own."""
    with tempfile.TemporaryDirectory(prefix="datalake-ops-bench-") as home:
        environment = {**os.environ, "AIRFLOW_HOME": home, "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True, env=environment
        )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    main()
