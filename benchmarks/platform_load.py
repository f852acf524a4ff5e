"""The worst answer of /health while others send the platform slow, refused and largest legal requests.

    python benchmarks/platform_load.py [--rounds 3]

For each kind of load the slowest of some hundred answers is compared with the slowest of as many on a quiet server, in
turns. Client and server share the cores: what is sent is made before, by plain sockets.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import requests
from PIL import Image

from datalake_ops.testing import PlatformServer

TOKEN = "benchmark-token"
MIB = 2**20
ASKED = 250
PAUSE = 0.01
GOAL_MS = 100.0
Load = Callable[[], None]


def main() -> None:
    """Measure each kind of load in turns with a quiet server, print a table and write a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="datalake-ops-bench-") as home,
        PlatformServer(Path(home), token=TOKEN) as server,
    ):
        rows: list[dict[str, Any]] = []
        for name, load in _loads(server).items():
            quiet, loaded = [], []
            for _ in range(options.rounds):
                quiet.append(_worst(server))
                loaded.append(_worst(server, load))
            more = statistics.median(loaded) - statistics.median(quiet)
            rows.append(
                {
                    "load": name,
                    "quiet_ms": statistics.median(quiet),
                    "loaded_ms": statistics.median(loaded),
                    "more_ms": more,
                }
            )
            _tell(rows[-1])
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "platform_load.json").write_text(json.dumps(rows, indent=1) + "\n")


def _tell(row: dict[str, Any]) -> None:
    verdict = "met" if row["more_ms"] < GOAL_MS else "NOT MET"
    times = f"{row['quiet_ms']:8.1f} {row['loaded_ms']:8.1f} {row['more_ms']:8.1f}"
    print(f"{row['load']:40} {times} < {GOAL_MS:g}  {verdict}", flush=True)


def _worst(server: PlatformServer, load: Load | None = None) -> float:
    """Slowest answer (ms) of /health, asked over one connection, while a load runs again and again in a thread."""
    stop = threading.Event()

    def run() -> None:
        while load is not None and not stop.is_set():
            load()

    thread = threading.Thread(target=run)
    thread.start()
    worst = 0.0
    with requests.Session() as session:
        session.trust_env = False
        session.get(f"{server.url}/health")
        until = time.monotonic() + 2
        asked = 0
        while asked < ASKED or time.monotonic() < until:
            started = time.perf_counter()
            session.get(f"{server.url}/health").raise_for_status()
            worst = max(worst, time.perf_counter() - started)
            asked += 1
            time.sleep(PAUSE)
    stop.set()
    thread.join()
    return worst * 1000


def _loads(server: PlatformServer) -> dict[str, Load]:
    picture = server.home / "a.png"
    Image.new("RGB", (64, 48)).save(picture)
    with server.hook() as hook:
        lake = hook.context.datalake.id
        tag = hook.get_or_create_data_tag("bench").id
        data = hook.upload(picture).data[0].id
        job = hook.import_bucket_objects(["none/"]).id
    ids = json.dumps([str(uuid4()) for _ in range(1_600_000)])[: 64 * MIB - 100].rpartition(",")[0] + "]"
    texts = {"custom_metadata": {"text": "m" * 150_000}}
    bodies = {
        "ids of data": ("POST", f"/api/tag/{tag}/attach", ids),
        "a bulk update": (
            "PATCH",
            f"/api/datalake/{lake}/data/bulk",
            {"objects": {str(uuid4()): texts for _ in range(100)}},
        ),
        "a listing by names": (
            "XGET",
            f"/api/datalake/{lake}/datas",
            {"filenames": [f"{n:08}{'n' * 1500}" for n in range(10_000)]},
        ),
        "prefixes of an import": (
            "POST",
            f"/api/datalake/{lake}/objects",
            {"prefixes": [f"{n:08}{'p' * 1500}" for n in range(10_000)]},
        ),
        "lines of a log": (
            "POST",
            f"/api/v2/job/{job}/logging",
            {"line_nb": 1, "log": ["l" * 90] * 40_000, "part": "--#--bench"},
        ),
        "a data's metadata": (
            "PATCH",
            f"/api/data/{data}/custom-metadata",
            {"custom_metadata": {"text": "m" * (MIB - 100)}},
        ),
    }
    attach, tags = f"/api/tag/{tag}/attach", f"/api/datalake/{lake}/tags"
    refused = b"x" * (64 * MIB)
    loads: dict[str, Load] = {
        "200 slow connections": lambda: _slow(server, 200),
        "64 MiB without a token": lambda: _send(server, "POST", attach, refused, token=""),
        "64 MiB where 64 KiB may be": lambda: _send(server, "POST", tags, refused),
    }
    for name, (method, path, body) in bodies.items():
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        loads[f"{name}, {len(content) / MIB:.1f} MiB"] = partial(_send, server, method, path, content)
    return loads


def _slow(server: PlatformServer, count: int) -> None:
    """Begin requests that go on by a byte now and then, for a second."""
    address = urlsplit(server.url)
    with ExitStack() as stack:
        peers = [stack.enter_context(socket.create_connection((address.hostname, address.port))) for _ in range(count)]
        for peer in peers:
            peer.sendall(b"POST /api/home/ping HTTP/1.1\r\nHost: h\r\nX-Slow: ")
        for _ in range(10):
            for peer in peers:
                peer.sendall(b"s")
            time.sleep(0.1)


def _send(server: PlatformServer, method: str, path: str, body: bytes, token: str = TOKEN) -> None:
    """Send one request and read its answer, or the end of the connection where the rest of the body is not wanted."""
    address = urlsplit(server.url)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    )
    head += f"Authorization: Bearer {token}\r\n" if token else ""
    with socket.create_connection((address.hostname, address.port)) as peer:
        try:
            peer.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            while peer.recv(65536):
                pass
        except (ConnectionResetError, BrokenPipeError):
            return


if __name__ == "__main__":
    main()
