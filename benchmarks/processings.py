"""The processings' speed and memory, beside another checkout of datalake-ops, in turns of one run.

    python benchmarks/processings.py [--against TREE] [--pictures 48] [--rounds 1] [--cases jobs,reading,groups,memory]
        [--hashes 20000] [--large]

TREE is a worktree with an environment of its own (`scripts/setup.py core`). The pictures are JPEGs of 12 megapixels,
made of the demo's photographs. `jobs` launches each processing on all of them; it tells the share of the decoder's
limit, which is all cores that do nothing but decode at a reduced scale. `groups` shows faiss-cpu's IndexBinaryFlat too,
where it is installed. `--large` measures the memory of 178 megapixels.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from processing_side import hashes_of
from sides import save

from datalake_ops.demo.photographs import SHIPPED

SIDE_PROGRAM = Path(__file__).parent / "processing_side.py"
NAMES = ("thumbnails", "quality-tagging", "near-duplicates")
TWELVE_MEGAPIXELS, LARGEST = (4000, 3000), (14_000, 12_782)
DISTINCT = 8
Figures = dict[str, float]
Row = dict[str, Any]


def main() -> None:
    """Make the pictures, measure each case on each tree in turn, print a table and write a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--pictures", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cases", default="jobs,reading,groups,memory")
    parser.add_argument("--hashes", type=int, default=20_000)
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    trees = {"here": None} | ({"before": options.against.resolve()} if options.against else {})
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="datalake-ops-bench-") as folder:
        bench = Bench(Path(folder), trees, options)
        for case in options.cases.split(","):
            rows += getattr(bench, case)()
    for row in rows:
        tell(row)
    save("processings", rows)


class Bench:
    """The cases, on trees that are measured in turn."""

    def __init__(self, folder: Path, trees: dict[str, Path | None], options: argparse.Namespace) -> None:
        self.folder = folder
        self.trees = trees
        self.options = options

    def jobs(self) -> list[Row]:
        """Pictures a second of whole jobs, their processor time, and the share of the decoder's limit."""
        make_pictures(self.folder / "pictures", self.options.pictures)
        figures = self._in_turn("jobs", ",".join(NAMES), self.options.rounds)
        alone = self._side("here", "decoder", "")
        cores, count = len(os.sched_getaffinity(0)), self.options.pictures
        rows = []
        for name in NAMES:
            limit = cores / alone["1/4 s" if name == "quality-tagging" else "1/8 s"]
            rates = {tree: count / found[f"{name} s"] for tree, found in figures.items()}
            share = f"{rates['here'] / limit:.0%} of the decoder's {limit:.0f}/s on {cores} cores"
            rows.append(_row(f"{name}: pictures/s", rates, note=share))
            per_picture = {tree: 1000 * found[f"{name} cpu s"] / count for tree, found in figures.items()}
            rows.append(_row(f"{name}: CPU ms/picture of the program", per_picture, less=True))
            rows.append(
                _row(f"{name}: MiB", {tree: found[f"{name} MiB"] for tree, found in figures.items()}, less=True)
            )
        return rows

    def reading(self) -> list[Row]:
        """Uploaded pictures that the platform reads, a second and core, beside their whole decoding."""
        make_pictures(self.folder / "pictures", min(12, self.options.pictures))
        figures = self._in_turn("reading", "", self.options.rounds)
        whole = self._side("here", "decoder", "")["1/1 s"]
        rates = {tree: 1 / found["s"] for tree, found in figures.items()}
        return [_row("reading: pictures/s and core", rates, note=f"{whole * rates['here']:.1f} times whole decoding")]

    def groups(self) -> list[Row]:
        """Seconds to group hashes."""
        rows = []
        for count, kind in (
            (self.options.hashes, "copies"),
            (100_000, "near"),
            (100_000, "equal"),
            (100_000, "copies"),
        ):
            # The other tree compares all with all where hashes are near, and takes minutes for 100,000.
            trees = self.trees if count == self.options.hashes and kind == "copies" else {"here": None}
            figures = {tree: self._side(tree, "groups", f"{count},{kind}") for tree in trees}
            here = figures["here"]
            note = f"{here['groups']:.0f} groups, {here['MiB']:.0f} MiB"
            if kind == "copies":
                note += _faiss(hashes_of(f"{count},{kind}"))
            seconds = {tree: found["s"] for tree, found in figures.items()}
            rows.append(_row(f"groups of {count:,} hashes, {kind}: CPU s", seconds, less=True, note=note))
        return rows

    def memory(self) -> list[Row]:
        """Peak memory of a look at a large picture of 8 bits."""
        size = LARGEST if self.options.large else TWELVE_MEGAPIXELS
        rows = []
        for name, mode in (("grey.png", "L"), ("rgb.png", "RGB"), ("rgb.jpg", "RGB")):
            Image.MAX_IMAGE_PIXELS = None
            ramp = Image.linear_gradient("L").resize(size)
            options = {"compress_level": 1} if name.endswith("png") else {"progressive": True}
            Image.merge(mode, [ramp] * len(mode)).save(self.folder / name, **options)
            peaks = {tree: self._side(tree, "memory", name)["MiB"] for tree in self.trees}
            rows.append(_row(f"{size[0] * size[1] / 1e6:.0f} megapixels, {name}: MiB", peaks, less=True))
        return rows

    def _in_turn(self, case: str, argument: str, rounds: int) -> dict[str, Figures]:
        """Best figures of each tree: what else runs on the machine only ever adds."""
        found: dict[str, dict[str, list[float]]] = {tree: defaultdict(list) for tree in self.trees}
        for _ in range(rounds):
            for tree in self.trees:
                for name, value in self._side(tree, case, argument).items():
                    found[tree][name].append(value)
        return {tree: {name: min(values) for name, values in lists.items()} for tree, lists in found.items()}

    def _side(self, tree: str, case: str, argument: str) -> Figures:
        root = self.trees[tree]
        python = sys.executable if root is None else str(root / ".venvs" / "core" / "bin" / "python")
        command = [python, str(SIDE_PROGRAM), case, str(self.folder), argument]
        # `python -m` takes modules of the working directory first, which is not to be one of the trees.
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)
        if done.returncode:
            raise RuntimeError(f"{tree} {case} failed:\n{done.stderr[-2000:]}")
        figures: Figures = json.loads(done.stdout.splitlines()[-1])
        return figures


def make_pictures(folder: Path, count: int) -> None:
    """Make JPEGs of 12 megapixels with a camera's noise; every eighth shows the same, no two have the same bytes."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    contents = []
    for path in sorted(SHIPPED.glob("*.jpg"))[: min(DISTINCT, count)]:
        with Image.open(path) as image:
            large = np.asarray(image.convert("RGB").resize(TWELVE_MEGAPIXELS, Image.Resampling.BICUBIC), dtype=np.int16)
        noise = random.integers(-6, 7, (*large.shape[:2], 1), dtype=np.int16)
        target = folder / path.name
        Image.fromarray((large + noise).clip(0, 255).astype(np.uint8)).save(target, quality=90)
        contents.append(target.read_bytes())
        target.unlink()
    for number in range(count):
        content = contents[number % len(contents)]
        comment = b"\xff\xfe\x00\x06" + b"%04d" % number
        (folder / f"{number:04}.jpg").write_bytes(content[:2] + comment + content[2:])


def _faiss(hashes: list[int]) -> str:
    try:
        import faiss
    except ImportError:
        return ""
    faiss.omp_set_num_threads(1)
    bits = np.array(hashes, dtype=np.uint64).view(np.uint8).reshape(-1, 8)
    started = time.process_time()
    index = faiss.IndexBinaryFlat(64)
    index.add(bits)
    index.range_search(bits, 9)
    return f"; faiss-cpu's IndexBinaryFlat {time.process_time() - started:.1f} s, without groups"


def _row(name: str, figures: Figures, *, less: bool = False, note: str = "") -> Row:
    return {"name": name, **figures, "less": less, "note": note}


def tell(row: Row) -> None:
    """Print a line."""
    ratio = ""
    if "before" in row:
        here, before = row["here"], row["before"]
        ratio = f"{before:10.2f} before {(before / here if row['less'] else here / before):6.2f}x"
    print(f"{row['name']:52} {row['here']:10.2f} {ratio:26} {row['note']}")


if __name__ == "__main__":
    main()
