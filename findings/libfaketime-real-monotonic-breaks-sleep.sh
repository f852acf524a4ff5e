#!/usr/bin/env bash
# libfaketime 0.9.10 of Debian 12 (0.9.10-2.1) with Python 3.11 (2026-11-30): FAKETIME="-2d" sets the clock back and
# `time.sleep` works; with DONT_FAKE_MONOTONIC=1, which is there to leave timers real, every `time.sleep` fails with
# OSError EINVAL. Python sleeps until a moment of the monotonic clock (clock_nanosleep, TIMER_ABSTIME), as it does since
# 3.11, and the library turns that moment into one that the kernel refuses. So a server in Python cannot be tested with a
# clock that is set back and timers that are real by it.
# Needs Debian 12 (apt-get, dpkg) and python3 3.11 or later. Fails when no sleep fails any more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download --quiet libfaketime=0.9.10-2.1 2> /dev/null
dpkg --extract ./libfaketime_*.deb unpacked
library=$(find "$folder/unpacked" -name libfaketime.so.1)
cat > sleeps.py <<'PYTHON'
import sys
import time

failed = []
for _ in range(20):
    try:
        time.sleep(0.001)
    except OSError as error:
        failed.append(error.strerror)
print(f"Python {sys.version.split()[0]}, {time.strftime('%F', time.gmtime())}: {len(failed)} of 20 sleeps failed {set(failed)}")
sys.exit(len(failed))
PYTHON
faked=0 kept=0
LD_PRELOAD=$library FAKETIME="-2d" python3 sleeps.py || faked=$?
LD_PRELOAD=$library FAKETIME="-2d" DONT_FAKE_MONOTONIC=1 python3 sleeps.py || kept=$?
[ "$faked" = 0 ] && [ "$kept" = 20 ] || { echo "The behaviour has changed."; exit 1; }
