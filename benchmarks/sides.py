"""The sides of a comparison, datalake-ops and the official SDK, each measured in a fresh process of its own.

python benchmarks/sides.py SIDE CASE URL [argument]     prints one JSON line
"""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TOKEN = "benchmark-token"
RESULTS = HERE / "results"


@contextmanager
def stub(*options: str) -> Iterator[str]:
    """A stub platform in a process of its own; env DATALAKE_STUB names another program of the same arguments."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = os.environ.get("DATALAKE_STUB") or str(HERE / "stub_server.py")
    command = [sys.executable, program, str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{program} did not start.")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def stats(url: str) -> dict[str, Any]:
    """What the stub counted."""
    with urllib.request.urlopen(f"{url}/__stats") as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def run_side(side: str, case: str, url: str, argument: str = "", tree: Path | None = None) -> dict[str, Any]:
    """Measure one case of one side in a fresh process; `tree` is another checkout, with its environment."""
    python = sys.executable if tree is None else str(tree / ".venvs" / "core" / "bin" / "python")
    command = [python, str(HERE / "sides.py"), side, case, url, argument]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{side} {case} failed:\n{done.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def save(name: str, value: Any) -> None:
    """Write the figures of a benchmark under benchmarks/results/."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n")


def _ours(url: str) -> Any:
    from datalake_ops import DatalakeHook

    hook = DatalakeHook(host=url, api_token=TOKEN)
    if not hook.context.connector_id:
        raise RuntimeError("no lake")
    return hook


def _theirs(url: str) -> Any:
    from picsellia import Client

    return Client(api_token=TOKEN, host=url).get_datalake()


def _upload(side: str, url: str, argument: str) -> Callable[[], int]:
    paths = [str(path) for path in sorted(Path(argument).iterdir())]
    if side == "ours":
        hook = _ours(url)
        hook.upload(paths[:1])
        return lambda: int(hook.upload(paths).counts()["UPLOADED"])
    lake = _theirs(url)
    lake.upload_data(paths[0])

    def upload() -> int:
        found = lake.upload_data(paths if len(paths) > 1 else paths[0])
        return len(found) if len(paths) > 1 else 1

    return upload


def _skip(side: str, url: str, argument: str) -> Callable[[], int]:
    paths = [str(path) for path in sorted(Path(argument).iterdir())]
    hook = _ours(url)
    return lambda: len(hook.upload(paths, if_exists="skip").files)


def _list(side: str, url: str, argument: str) -> Callable[[], int]:
    if side == "ours":
        hook = _ours(url)
        return lambda: sum(1 for _ in hook.iter_data())
    lake = _theirs(url)
    return lambda: len(lake.list_data())


def _import(side: str, url: str, argument: str) -> Callable[[], int]:
    def load() -> int:
        if side == "ours":
            from datalake_ops import DatalakeHook

            DatalakeHook(host="http://127.0.0.1:1", api_token=TOKEN)
        else:
            __import__("picsellia")
        return 1

    return load


CASES = {"upload": _upload, "skip": _skip, "list": _list, "import": _import}


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


class _Peak:
    """The most memory that is resident while it runs, sampled, for the kernel's figure also knows the start."""

    def __init__(self) -> None:
        self.bytes = _resident()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self.bytes = max(self.bytes, _resident())


def measure(side: str, case: str, url: str, argument: str) -> dict[str, Any]:
    """Seconds, seconds of CPU, peak memory above the start (MiB), and how many were done."""
    work = CASES[case](side, url, argument)
    idle = _resident()
    with _Peak() as peak:
        cpu, started = time.process_time(), time.perf_counter()
        done = work()
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    grown = (max(peak.bytes, _resident()) - idle) / 2**20
    return {"seconds": seconds, "cpu": cpu, "memory_mib": grown, "done": done}


if __name__ == "__main__":
    arguments = [*sys.argv[1:], ""][:4]
    print(json.dumps(measure(*arguments)))
