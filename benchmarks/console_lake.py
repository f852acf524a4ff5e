"""How long the console takes for a lake's page of 60 of many data, over HTTP: the first, the next and a far one.

python benchmarks/console_lake.py [--data 1000000] [--rounds 5] [--pages 100]
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests
from platform_listing import TOKEN, fill

from datalake_ops.testing import PlatformServer

LIMIT_MS = 300.0
_NEXT = re.compile(r'<a href="([^"]+)" rel="next">')


def main() -> None:
    """Fill a lake, start a server on it, measure, print a table and write a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pages", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="datalake-ops-bench-") as folder:
        home = Path(folder)
        fill(home, options.data)
        with PlatformServer(home=home, token=TOKEN, admin=False) as server, requests.Session() as session:
            session.trust_env = False
            session.post(f"{server.url}/sign-in", data={"token": TOKEN}).raise_for_status()
            lake = re.search(r"/[0-9a-f-]{36}/datalake/[0-9a-f-]{36}", session.get(server.url).text)
            assert lake, "the home page names no lake"
            address = server.url + lake.group()
            rows = [measure(session, server.url, address, *case, options) for case in cases(options.data)]
    report(rows, options.data)


def cases(count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The measured pages, by name."""
    yield "newest first", {}
    yield "oldest first", {"order_by": "created_at"}
    yield "by file name", {"order_by": "filename"}
    yield "tag of all", {"tag": "all"}
    yield "tag of a tenth", {"tag": "tenth"}
    yield "tag of a tenth, by file name", {"tag": "tenth", "order_by": "filename"}
    yield "rare tag, by file name", {"tag": "rare", "order_by": "-filename"}
    yield "two tags, both", {"tag": ["tenth", "hundredth"], "match": "all"}
    yield "two tags, any", {"tag": ["hundredth", "rare"]}
    yield "status ERROR (none)", {"status": "ERROR"}
    yield "from a day on (all)", {"since": "2020-01-01"}
    yield "to a day (none)", {"until": "2020-01-01"}
    yield "one file name", {"q": f'filename = "photo_{count // 2}.jpg"'}
    yield "file name contains (scan)", {"q": 'filename ~ "12345"'}
    yield "custom metadata (scan)", {"q": 'custom_metadata.line = "line-3"'}


def measure(
    session: requests.Session, base: str, address: str, name: str, query: dict[str, Any], options: argparse.Namespace
) -> dict[str, Any]:
    """Times of a first page, of the one after it, and of one far behind."""
    first, page = _timed(session, f"{address}?{urlencode(query, doseq=True)}", options.rounds)
    count = re.search(r"<strong>([^<]+)</strong>", page)
    row: dict[str, Any] = {"case": name, "count": count[1] if count else "none", "first_ms": first}
    following = _NEXT.search(page)
    if following:
        row["next_ms"], page = _timed(session, base + unescape(following[1]), options.rounds)
        pages, place = 2, following
        while pages < options.pages and (place := _NEXT.search(page)):
            page, pages = session.get(base + unescape(place[1])).text, pages + 1
        if place:
            row["far_ms"], _ = _timed(session, base + unescape(place[1]), options.rounds)
    return row


def _timed(session: requests.Session, address: str, rounds: int) -> tuple[float, str]:
    times, text = [], ""
    for _ in range(rounds):
        started = time.perf_counter()
        answer = session.get(address)
        times.append((time.perf_counter() - started) * 1000)
        answer.raise_for_status()
        text = answer.text
    return statistics.median(times), text


def report(rows: list[dict[str, Any]], count: int) -> None:
    """Print the table and write the results."""
    print(f"\n{'page of 60 of ' + format(count, ','):32} {'match':>24} {'first ms':>9} {'next ms':>9} {'far ms':>9}")
    for row in rows:
        times = [f"{row[key]:9.1f}" if key in row else "        -" for key in ("first_ms", "next_ms", "far_ms")]
        print(f"{row['case']:32} {row['count']:>24} {' '.join(times)}")
    print(f"wanted: {LIMIT_MS:.0f} ms for a first page, and no more for each further one")
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "console_lake.json").write_text(json.dumps({"data": count, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
