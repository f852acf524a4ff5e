"""How many data per second the embedded platform registers over HTTP, each measured from its file, and how evenly.

    python benchmarks/platform_register.py [--data 6000] [--clients 16] [--fsync]

The client is a process of its own that writes prepared requests to kept-alive connections, so that what is measured is
the server. The files are small real JPEGs that lie in the storage already.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import requests
from PIL import Image

from datalake_ops.platform.objects.folder_store import FolderStore
from datalake_ops.testing import PlatformServer

TOKEN = "benchmark-token"
WANTED_RATE = 1000.0
WANTED_P99_MS = 50.0
WARM_UP = 500


def main() -> None:
    """Store objects, register them from another process, print a table and write a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=int, default=6000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--fsync", action="store_true", help="answer a registration once it is on the disk")
    options = parser.parse_args()
    arguments = ["--fsync"] if options.fsync else []
    with (
        tempfile.TemporaryDirectory(prefix="datalake-ops-bench-") as folder,
        PlatformServer(home=Path(folder), token=TOKEN, admin=False, arguments=arguments) as server,
    ):
        ready = _ready_seconds(server)
        idle = psutil.Process(server.pid).memory_info().rss / 1e6
        lake, connector, tag = _place(server)
        names = _store(Path(folder), connector, options.data + WARM_UP)
        target = (server.url, lake, tag, options.clients)
        _register(target, names[:WARM_UP])
        before = _cpu_seconds(server.pid)
        times, seconds = _register(target, names[WARM_UP:])
        cpu = _cpu_seconds(server.pid) - before
    report(
        {
            "data": options.data,
            "clients": options.clients,
            "per_second": options.data / seconds,
            "p50_ms": times[len(times) // 2],
            "p99_ms": times[int(len(times) * 0.99)],
            "max_ms": times[-1],
            "server_cpu_ms_per_data": cpu / options.data * 1000,
            "idle_rss_mb": idle,
            "restart_ready_s": ready,
        }
    )


def _ready_seconds(server: PlatformServer) -> float:
    server.stop()
    started = time.perf_counter()
    server.start()
    return time.perf_counter() - started


def _cpu_seconds(pid: int) -> float:
    """Processor time of the server and of the processes that measure for it."""
    process = psutil.Process(pid)
    spent = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(times.user + times.system for times in spent)


def _place(server: PlatformServer) -> tuple[str, UUID, str]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        organization = session.get(f"{server.url}/api/home/ping").json()["default_organization"]
        lake = session.get(f"{server.url}/api/organization/{organization}/datalake").json()
        tag = session.post(f"{server.url}/api/datalake/{lake['id']}/tags", json={"name": "bench"}).json()["id"]
        return lake["id"], UUID(lake["connector_id"]), tag


def _store(home: Path, connector: UUID, count: int) -> list[str]:
    buffer = io.BytesIO()
    Image.effect_noise((160, 120), 40).convert("RGB").save(buffer, "JPEG")
    store = FolderStore(home / "objects")
    names = [f"data/bench-{number:08d}.jpg" for number in range(count)]
    for name in names:
        with store.stage() as staged:
            staged.write(buffer.getvalue())
            staged.commit(str(connector), name)
    return names


def _register(target: tuple[str, str, str, int], names: list[str]) -> tuple[list[float], float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_client, (target, names))


def _client(target: tuple[str, str, str, int], names: list[str]) -> tuple[list[float], float]:
    """Run in a process of its own: send every request, return the sorted times (ms) and the whole time (s)."""
    return asyncio.run(_send_all(target, names))


async def _send_all(target: tuple[str, str, str, int], names: list[str]) -> tuple[list[float], float]:
    url, lake, tag, clients = target
    host, port = url.removeprefix("http://").split(":")
    waiting = iter([_request(host, lake, tag, name) for name in names])
    times: list[float] = []
    started = time.perf_counter()
    await asyncio.gather(*(_send(host, int(port), waiting, times) for _ in range(clients)))
    return sorted(times), time.perf_counter() - started


def _request(host: str, lake: str, tag: str, name: str) -> bytes:
    body = json.dumps(
        {
            "type": "IMAGE",
            "filename": name.rpartition("/")[2],
            "object_name": name,
            "content_type": "image/jpeg",
            "tags": [tag],
            "data_source_id": None,
            "meta": {"width": 160, "height": 120},
            "metadata": {"latitude": 48.5, "longitude": 2.25, "acquired_at": "2024-03-01T10:00:00"},
            "custom_metadata": {"sha256": "0" * 64},
        }
    ).encode()
    head = (
        f"POST /api/datalake/{lake}/datas HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _send(host: str, port: int, waiting: Any, times: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    for request in waiting:
        started = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        times.append((time.perf_counter() - started) * 1000)
        if b" 201 " not in head[:16] or b'"DONE"' not in body:
            raise RuntimeError(f"{head!r} {body!r}")
    writer.close()


def report(result: dict[str, float]) -> None:
    """Print the table and write the results."""
    for name, value in result.items():
        print(f"{name:24} {value:10,.1f}")
    print(f"wanted: {WANTED_RATE:,.0f} data/s with p99 <= {WANTED_P99_MS:.0f} ms, ready <= 2 s, idle <= 150 MB")
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "platform_register.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
