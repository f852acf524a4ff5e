"""Print the slowest tests of a run: `python3 scripts/slowest_tests.py FOLDER [COUNT]`.

Needs only a bare Python. FOLDER holds one JUnit XML file per suite, as `pytest --junitxml` writes it; a test's time
includes its fixtures.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

COUNT = 10


def main(arguments: list[str]) -> int:
    """Print seconds, suite and name of the slowest tests, the slowest first."""
    folder = Path(arguments[0])
    count = int(arguments[1]) if len(arguments) > 1 else COUNT
    tests = sorted((test for file in sorted(folder.glob("*.xml")) for test in _tests_of(file)), reverse=True)
    print(f"The {min(count, len(tests))} slowest of {len(tests)} tests:")
    for seconds, suite, name in tests[:count]:
        print(f"{seconds:7.1f} s  {suite:<18}  {name}")
    return 0


def _tests_of(file: Path) -> list[tuple[float, str, str]]:
    cases = ElementTree.parse(file).getroot().iter("testcase")
    suite = file.stem.removeprefix("test-")
    return [(float(case.get("time", 0)), suite, f"{case.get('classname')}.{case.get('name')}") for case in cases]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
