#!/usr/bin/env bash
# Prefect 3.8.8 (2026-11-30, Python 3.11): a sync flow that does nothing takes a whole second. Its thread of heartbeats
# sleeps in steps of one second, and the flow's end joins that thread; so each sync flow and subflow ends up to a second
# after its function returned, always on the next whole second of its run. An async flow does not join its thread and
# takes some hundredths of that. `PREFECT_FLOWS_HEARTBEAT_FREQUENCY` cannot say "none": the setting is Optional, but a
# variable that is empty, `null` or `None` is refused as no integer.
# Needs python3 (3.11 or later) with pip. Fails when an empty sync flow no longer takes a second longer than an async one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "prefect==3.8.8" "sqlalchemy==2.0.58" "fastapi==0.150.0" "starlette==1.10.0"
export PREFECT_HOME="$folder/home" DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false PREFECT_LOGGING_LEVEL=ERROR
export PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS=300
"$folder/env/bin/python" - <<'PYTHON'
import asyncio
import os
import statistics
import subprocess
import sys
import time

from prefect import __version__, flow
from prefect.testing.utilities import prefect_test_harness


@flow
def nothing():
    return 1


@flow
async def nothing_awaited():
    return 1


async def awaited():
    begun = time.monotonic()
    await nothing_awaited()
    return time.monotonic() - begun


def called():
    begun = time.monotonic()
    nothing()
    return time.monotonic() - begun


with prefect_test_harness(server_startup_timeout=300):
    called(), asyncio.run(awaited())
    slow = [called() for _ in range(7)]
    quick = [asyncio.run(awaited()) for _ in range(7)]
print(f"Prefect {__version__}: an empty sync flow takes {statistics.median(slow):.2f} s, an async one {statistics.median(quick):.2f} s")

command = [sys.executable, "-c", "from prefect.settings import get_current_settings; get_current_settings()"]
told = {}
for value in ("", "null", "None"):
    run = subprocess.run(command, env={**os.environ, "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": value}, capture_output=True, text=True)
    told[value] = "int_parsing" in run.stderr
print(f"Refused as no integer: {told}")
same = statistics.median(slow) - statistics.median(quick) > 0.5 and all(told.values())
raise SystemExit(0 if same else "The behaviour has changed.")
PYTHON
