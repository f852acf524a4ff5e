"""How many keys per second an import lists and registers, and how many files per second it then reads.

    python benchmarks/platform_import.py [--files 100000]

The bucket holds that many names of small real JPEGs, in folders of a thousand. Listing and registering is what makes an
import visible; reading every file follows. The same import is then asked again, when everything is known already.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import requests
from PIL import Image

from datalake_ops.testing import PlatformServer

TOKEN = "benchmark-token"
WANTED_RATE = 20_000.0
# A file has at most so many names on the file systems in use.
NAMES_PER_FILE = 1000
LOOK_SECONDS = 0.02
RESULT = Path(__file__).parent / "results" / "platform_import.json"


def main() -> None:
    """Fill a bucket, import it twice, print a table and write a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="datalake-ops-bench-") as folder:
        bucket = Path(folder) / "bucket"
        fill(bucket, options.files)
        with PlatformServer(home=Path(folder) / "home", bucket=bucket, token=TOKEN) as server:
            first = run(server, options.files)
            again = run(server, options.files)
            memory = psutil.Process(server.pid).memory_info().rss / 1e6
    report(
        {
            "files": options.files,
            "listed_and_registered_per_second": options.files / first["listed"],
            "read_per_second": options.files / (first["ended"] - first["listed"]),
            "whole_import_seconds": first["ended"],
            "known_again_per_second": options.files / again["ended"],
            "memory_after_mb": memory,
        }
    )


def fill(bucket: Path, count: int) -> None:
    """Make a bucket with `count` names."""
    buffer = io.BytesIO()
    Image.effect_noise((64, 48), 60).save(buffer, "JPEG")
    for start in range(0, count, NAMES_PER_FILE):
        folder = bucket / f"{start // NAMES_PER_FILE:04}"
        folder.mkdir(parents=True)
        first = folder / "000000.jpg"
        first.write_bytes(buffer.getvalue())
        for index in range(1, min(NAMES_PER_FILE, count - start)):
            (folder / f"{index:06}.jpg").hardlink_to(first)


def run(server: PlatformServer, count: int) -> dict[str, float]:
    """Import everything; seconds until all was listed and registered, and until the job had ended."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        organization = session.get(f"{server.url}/api/home/ping").json()["default_organization"]
        lake = session.get(f"{server.url}/api/organization/{organization}/datalake").json()["id"]
        started = time.perf_counter()
        answer = session.post(f"{server.url}/api/datalake/{lake}/objects", json={"prefixes": [""], "tag_ids": []})
        job = f"{server.url}/api/v2/job/{answer.json()['job']['id']}"
        times: dict[str, float] = {}
        while "ended" not in times:
            state: dict[str, Any] = session.get(job).json()
            seconds = time.perf_counter() - started
            if (state["counts"] or {}).get("listed") == count:
                times.setdefault("listed", seconds)
            if state["status"] == "SUCCEEDED":
                times["ended"] = seconds
            elif state["status"] in ("FAILED", "KILLED"):
                raise RuntimeError(f"The import ended badly: {state}")
            time.sleep(LOOK_SECONDS)
        return times


def report(figures: dict[str, Any]) -> None:
    """Print the figures and keep them."""
    for name, value in figures.items():
        print(f"{name:34} {value:12,.1f}")
    rate = figures["listed_and_registered_per_second"]
    print(f"wanted: {WANTED_RATE:,.0f} keys/s listed and registered; {'met' if rate >= WANTED_RATE else 'NOT met'}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
