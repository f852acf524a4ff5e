"""Uploads by datalake-ops and by the official SDK, side by side against a stub platform, alternating in one run.

    python benchmarks/upload.py [--quick] [--rounds 5] [--cases small,latency,faults,large,many,skip] [--against TREE]

Prints a table and writes benchmarks/results/upload.json. DATALAKE_STUB names another stub program.
`--against` names another checkout of datalake-ops with an environment of its own (`scripts/setup.py core`); the cases
with and without latency measure it in the same turns. The stub runs on the cores that the sides run on: the cores that
it took of each are told below their rows.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from sides import TOKEN, run_side, save, stats, stub

from datalake_ops.testing import PlatformServer

MIB = 2**20
# The hosted platform's wire, and one that offers names and addresses in batches, as the embedded platform does.
WIRES = {"": (), ", batches": ("--presign",)}
FAULTS = ("--fail-every", "10", "--reset-every", "50")


@dataclass(frozen=True)
class Sizes:
    """How much each case sends."""

    rounds: int
    small: int
    latency: int
    large_mib: int
    many: tuple[int, int]
    again: int


FULL = Sizes(5, 2000, 2000, 2048, (2000, 100_000), 10_000)
QUICK = Sizes(1, 300, 100, 128, (300, 2000), 500)
Row = dict[str, Any]


def main() -> None:
    """Make the files, measure each case, print a table and write a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--against", type=Path)
    options = parser.parse_args()
    if options.against:
        TREES["before"] = options.against.resolve()
    sizes = QUICK if options.quick else FULL
    rounds = options.rounds or sizes.rounds
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="datalake-ops-bench-") as folder:
        for name in options.cases.split(","):
            for row in CASES[name](Path(folder), sizes, rounds):
                rows.append(row)
                tell(row)
    save("upload-quick" if options.quick else "upload", rows)


def small(home: Path, sizes: Sizes, rounds: int) -> list[Row]:
    """Small files with no latency: files a second, and CPU a file."""
    rows = []
    for wire, options in WIRES.items():
        found = _measured(_pictures(home, sizes.small), sizes.small, rounds, *options)
        ours, theirs = found["ours"], found["sdk"]
        name = f"{sizes.small} small files, 0 ms{wire}"
        rows.append(_row(f"{name}: files/s", _rate(ours), _rate(theirs), 8.0))
        rows.append(_row(f"{name}: CPU ms/file", _cpu(ours), _cpu(theirs), 0.12, less=True))
        rows += _compared(name, found)
    return rows


def latency(home: Path, sizes: Sizes, rounds: int) -> list[Row]:
    """Small files over 40 ms, with each side's own defaults."""
    rows = []
    for wire, options in WIRES.items():
        found = _measured(_pictures(home, sizes.latency), sizes.latency, rounds, "--latency-ms", "40", *options)
        name = f"{sizes.latency} small files, 40 ms{wire}"
        rows.append(_row(f"{name}: files/s", _rate(found["ours"]), _rate(found["sdk"]), 20.0))
        rows += _compared(name, found)
    return rows


def faults(home: Path, sizes: Sizes, rounds: int) -> list[Row]:
    """Every tenth answer a 503, every fiftieth connection cut: what is lost, what is doubled, and the time it takes."""
    folder = _pictures(home, sizes.small)
    clean, faulty, lost, doubled = [], [], 0, 0
    for _ in range(rounds):
        with stub() as url:
            clean.append(run_side("ours", "upload", url, str(folder))["seconds"])
        with stub(*FAULTS) as url:
            measured = run_side("ours", "upload", url, str(folder))
            faulty.append(measured["seconds"])
            found = stats(url)
            lost += sizes.small - measured["done"]
            # The first file is sent twice on purpose: once before the clock starts.
            doubled += found["registered"] - 1 - measured["done"]
    seconds = _row(f"{sizes.small} files with faults: s", _median(faulty), _median(clean), 1.5, less=True)
    return [
        {**seconds, "against": "its own time without faults"},
        _row("files lost with faults", lost, None, 0, less=True),
        _row("files doubled with faults", doubled, None, 0, less=True),
    ]


def large(home: Path, sizes: Sizes, rounds: int) -> list[Row]:
    """One large file over 40 ms: MB a second, and memory above idle."""
    folder = home / "large"
    folder.mkdir(exist_ok=True)
    with (folder / "film.mp4").open("wb") as stream:
        stream.truncate(sizes.large_mib * MIB)
    found = _measured(folder, 1, rounds, "--latency-ms", "40")
    ours, theirs = found["ours"], found["sdk"]
    name = f"one file of {sizes.large_mib} MiB, 40 ms"
    megabytes = sizes.large_mib * MIB / 1e6
    memory = _median([one["memory_mib"] for one in ours])
    return [
        _row(f"{name}: MB/s", megabytes * _rate(ours), megabytes * _rate(theirs), 3.0),
        _row(f"{name}: memory above idle, MiB", memory, None, 150, less=True),
    ]


def many(home: Path, sizes: Sizes, rounds: int) -> list[Row]:
    """Memory for many files against memory for few."""
    peaks = []
    for count in sizes.many:
        with stub() as url:
            peaks.append(run_side("ours", "upload", url, str(_pictures(home, count)))["memory_mib"])
    few, much = sizes.many
    row = _row(f"memory for {much} files above {few}, MiB", peaks[1] - peaks[0], None, 60, less=True)
    return [{**row, "peaks_mib": peaks}]


def skip(home: Path, sizes: Sizes, rounds: int) -> list[Row]:
    """The same files a second time, against the embedded platform, for the stub keeps nothing to compare with."""
    folder = str(_pictures(home, sizes.again))
    with (
        tempfile.TemporaryDirectory(prefix="datalake-ops-bench-") as lake,
        PlatformServer(home=Path(lake), token=TOKEN) as server,
    ):
        first = run_side("ours", "skip", server.url, folder)["seconds"]
        again = _median([run_side("ours", "skip", server.url, folder)["seconds"] for _ in range(rounds)])
    row = _row(f"{sizes.again} files again with skip: files/s", sizes.again / again, sizes.again / first, 20.0)
    return [{**row, "against": "the first run"}]


# Other checkouts that are measured beside this one, by their name in the table.
TREES: dict[str, Path] = {}
CASES = {"small": small, "latency": latency, "faults": faults, "large": large, "many": many, "skip": skip}


def _measured(folder: Path, count: int, rounds: int, *options: str) -> dict[str, list[Row]]:
    sides = ["ours", "sdk", *TREES]
    found: dict[str, list[Row]] = {side: [] for side in sides}
    for turn in range(rounds):
        for side in sides if turn % 2 == 0 else reversed(sides):
            with stub(*options) as url:
                kind = "ours" if side in TREES else side
                measured = run_side(kind, "upload", url, str(folder), TREES.get(side))
                measured["stub_cores"] = stats(url)["cpu"] / measured["seconds"]
            if measured["done"] != count:
                raise RuntimeError(f"{side} uploaded {measured['done']} of {count} files.")
            found[side].append(measured)
    return found


def _compared(name: str, found: dict[str, list[Row]]) -> list[Row]:
    """The other checkout's figures as multiples of the SDK's, and the cores that the stub took of each side."""
    theirs, rows = found["sdk"], []
    for side in TREES:
        rows.append(_row(f"{name}, {side}: files/s", _rate(found[side]), _rate(theirs), 0))
        rows.append(_row(f"{name}, {side}: CPU ms/file", _cpu(found[side]), _cpu(theirs), float("inf"), less=True))
    for side, measured in found.items():
        cores = _median([one["stub_cores"] for one in measured])
        rows.append(_row(f"{name}, {side}: cores of the stub", cores, None, float("inf"), less=True))
    return rows


def _pictures(home: Path, count: int) -> Path:
    folder = home / f"small-{count}"
    if folder.is_dir():
        return folder
    folder.mkdir()
    for number in range(count):
        buffer = io.BytesIO()
        Image.new("RGB", (64, 48), (number % 256, number // 256 % 256, number // 65536)).save(buffer, "JPEG")
        (folder / f"picture-{number:06d}.jpg").write_bytes(buffer.getvalue())
    return folder


def _rate(measured: list[Row]) -> float:
    return _median([one["done"] / one["seconds"] for one in measured])


def _cpu(measured: list[Row]) -> float:
    return _median([1000 * one["cpu"] / one["done"] for one in measured])


def _median(values: list[float]) -> float:
    return statistics.median(values)


def _row(case: str, ours: float, theirs: float | None, goal: float, *, less: bool = False) -> Row:
    ratio = ours if theirs is None else ours / theirs
    met = ratio <= goal if less else ratio >= goal
    return {"case": case, "ours": ours, "sdk": theirs, "ratio": ratio, "goal": goal, "less": less, "met": met}


def tell(row: Row) -> None:
    """One line of the table."""
    theirs = "" if row["sdk"] is None else f"{row['sdk']:12.2f} {row['ratio']:8.2f}x"
    sign, verdict = "<=" if row["less"] else ">=", "met" if row["met"] else "NOT MET"
    print(f"{row['case']:<52} {row['ours']:12.2f} {theirs:22} {sign} {row['goal']:g}  {verdict}", flush=True)


if __name__ == "__main__":
    main()
