"""Going through all data of a lake by datalake-ops and by the official SDK, side by side against a stub platform.

python benchmarks/listing.py [--quick] [--rounds 5] [--data 1000000]
"""

from __future__ import annotations

import argparse
import statistics

from sides import run_side, save, stub


def main() -> None:
    """Measure both sides in turn, print a table and write a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--data", type=int)
    options = parser.parse_args()
    count = options.data or (20_000 if options.quick else 1_000_000)
    rounds = options.rounds or (1 if options.quick else 5)
    found: dict[str, list[dict[str, float]]] = {"ours": [], "sdk": []}
    for turn in range(rounds):
        for side in ("ours", "sdk") if turn % 2 == 0 else ("sdk", "ours"):
            with stub("--total", str(count)) as url:
                found[side].append(run_side(side, "list", url))
    figures = {}
    for side, measured in found.items():
        rate = statistics.median(one["done"] / one["seconds"] for one in measured)
        cpu = statistics.median(1e6 * one["cpu"] / one["done"] for one in measured)
        memory = statistics.median(one["memory_mib"] for one in measured)
        figures[side] = {"per_second": rate, "cpu_us": cpu, "memory_mib": memory}
        print(f"{side:5} {count} data: {rate:10.0f}/s   {cpu:6.2f} us of CPU each   {memory:8.1f} MiB more")
    ratio = figures["ours"]["per_second"] / figures["sdk"]["per_second"]
    print(f"rate {ratio:.2f}x (goal >= 2)")
    save("listing-quick" if options.quick else "listing", {"data": count, "ratio": ratio, **figures})


if __name__ == "__main__":
    main()
