"""How long `import datalake_ops` and a hook take, against `import picsellia`, each in fresh processes, alternating.

python benchmarks/importing.py [--quick] [--rounds 9]
"""

from __future__ import annotations

import argparse
import statistics

from sides import run_side, save


def main() -> None:
    """Measure both sides in turn, print a table and write a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args()
    rounds = options.rounds or (3 if options.quick else 9)
    found: dict[str, list[dict[str, float]]] = {"ours": [], "sdk": []}
    for _ in range(rounds):
        for side, measured in found.items():
            measured.append(run_side(side, "import", ""))
    figures = {
        side: {key: statistics.median(one[key] for one in measured) for key in ("seconds", "cpu", "memory_mib")}
        for side, measured in found.items()
    }
    for side, one in figures.items():
        print(f"{side:5} {one['seconds']:.3f} s   {one['cpu']:.3f} s of CPU   {one['memory_mib']:.0f} MiB more")
    ratio = figures["ours"]["seconds"] / figures["sdk"]["seconds"]
    print(f"time {ratio:.3f} of the SDK's (goal <= 0.2)")
    save("importing-quick" if options.quick else "importing", {"ratio": ratio, **figures})


if __name__ == "__main__":
    main()
