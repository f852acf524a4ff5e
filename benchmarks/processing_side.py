"""One side of the benchmark of processings, measured in a process of its own: this tree, or another checkout.

python benchmarks/processing_side.py CASE FOLDER [argument]     prints one JSON line

It uses only what every release has, under the names of that release.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image

SIDE_TO_JUDGE, SIDE_TO_SHOW = 768, 256
PROGRAMS = {"thumbnails": "thumbnails", "quality-tagging": "quality_tagging", "near-duplicates": "near_duplicates"}
Figures = dict[str, float]


def jobs(folder: Path, argument: str) -> Figures:
    """Seconds of an import of all pictures and of each processing, and the processor time of the programs."""
    from datalake_ops.testing import PlatformServer

    figures: Figures = {}
    # Releases differ in what of this environment their programs get.
    here = ["/usr/bin/env", f"PYTHONPATH={os.environ.get('PYTHONPATH', '')}"]
    wrapped = [*here, sys.executable, str(Path(__file__).resolve()), "program", str(folder)]
    arguments = [
        word for name in PROGRAMS for word in ("--program", f"datalake-ops/{name}={shlex.join([*wrapped, name])}")
    ]
    with (
        tempfile.TemporaryDirectory(prefix="datalake-ops-bench-") as home,
        PlatformServer(home=Path(home), bucket=folder, arguments=arguments) as server,
        server.hook() as hook,
    ):
        started = time.perf_counter()
        hook.wait_for_job(hook.import_bucket_objects(["pictures/"]), timeout=600)
        figures["import s"] = time.perf_counter() - started
        data = hook.list_data()
        for name in argument.split(","):
            started = time.perf_counter()
            job = hook.wait_for_job(hook.launch_processing(name, data), timeout=600)
            figures[f"{name} s"] = time.perf_counter() - started
            said = json.loads(next(line for line in hook.job_log(job) if line.startswith('{"cpu"')))
            figures[f"{name} cpu s"], figures[f"{name} MiB"] = said["cpu"], said["MiB"]
    return figures


def program(folder: Path, argument: str) -> Figures:
    """Run a processing as the platform does, and tell its processor time and peak memory as a line of its log."""
    done = subprocess.run([sys.executable, "-m", f"datalake_ops.processings.{PROGRAMS[argument]}"], check=False)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.returncode)
    return {"cpu": used.ru_utime + used.ru_stime, "MiB": used.ru_maxrss / 1024}


def decoder(folder: Path, argument: str) -> Figures:
    """Processor seconds of the decoder alone: at an eighth, at the scale for judging, and whole."""
    return {
        f"1/{factor} s": _time(folder, lambda path, factor=factor: _decode(path, factor))  # type: ignore[misc]
        for factor in (8, 4, 1)
    }


def reading(folder: Path, argument: str) -> Figures:
    """Processor seconds of the platform's reading."""
    read = _first("platform.objects.probe:probe", "platform.objects.measure:measure")

    def look(path: Path) -> None:
        with path.open("rb") as file:
            read(file)

    look(next(folder.rglob("*.jpg")))
    return {"s": _time(folder, look)}


def hashes_of(argument: str) -> list[int]:
    """Hashes by their number and kind: a fifth `copies` that differ in up to three bits, all `near`, or all `equal`."""
    count, kind = int(argument.partition(",")[0]), argument.partition(",")[2]
    chance = random.Random(0)
    if kind == "near":
        return [sum(1 << bit for bit in chance.sample(range(64), 4)) for _ in range(count)]
    if kind == "equal":
        return [7] * count
    originals = [chance.getrandbits(64) for _ in range(count - count // 5)]
    flips = [sum(1 << bit for bit in chance.sample(range(64), chance.randrange(4))) for _ in range(count // 5)]
    return [*originals, *(one ^ flip for one, flip in zip(chance.sample(originals, len(flips)), flips, strict=True))]


def groups(folder: Path, argument: str) -> Figures:
    """Processor seconds to group hashes."""
    group = _first("processings.similarity:group_hashes", "processings.resemblance:groups")
    hashes = hashes_of(argument)
    started = time.process_time()
    found = group(hashes, 8)
    return {"s": time.process_time() - started, "groups": len(found), "MiB": _peak()}


def memory(folder: Path, argument: str) -> Figures:
    """Peak memory of a look at one picture, to show it and to judge it."""
    path = folder / argument
    open_picture = _first("processings.pictures:open_picture")
    open_picture(path, SIDE_TO_SHOW)
    try:
        _first("processings.luma:open_luma")(path, SIDE_TO_JUDGE)
    except ModuleNotFoundError:
        image = open_picture(path, SIDE_TO_JUDGE)
        _first("processings.quality:judge")(image, *image.size)
    return {"MiB": _peak()}


def _first(*places: str) -> Callable[..., Any]:
    for place in places[:-1]:
        module, _, name = place.partition(":")
        try:
            return getattr(import_module(f"datalake_ops.{module}"), name)  # type: ignore[no-any-return]
        except ModuleNotFoundError:
            continue
    module, _, name = places[-1].partition(":")
    return getattr(import_module(f"datalake_ops.{module}"), name)  # type: ignore[no-any-return]


def _decode(path: Path, factor: int) -> None:
    with Image.open(path) as image:
        if factor > 1:
            image.draft("L", (image.width // factor, image.height // factor))
        image.load()


def _time(folder: Path, look: Callable[[Path], None]) -> float:
    paths = sorted(folder.rglob("*.jpg"))[:12]
    started = time.process_time()
    for path in paths:
        look(path)
    return (time.process_time() - started) / len(paths)


def _peak() -> float:
    # The kernel's other figure, of getrusage, begins with that of the process that started this one.
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


CASES = {case.__name__: case for case in (jobs, program, decoder, reading, groups, memory)}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](Path(sys.argv[2]), ([*sys.argv[3:], ""])[0])))
