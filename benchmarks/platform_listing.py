"""How long the embedded platform takes for a page of 1,000 of many data, over HTTP, with and without tags.

python benchmarks/platform_listing.py [--data 1000000] [--rounds 7]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests
from sqlalchemy import Connection

from datalake_ops.platform.bootstrap import ensure_installation
from datalake_ops.platform.catalog.ownership import find_lake
from datalake_ops.platform.catalog.tags_and_sources import insert_tag
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.database import Database
from datalake_ops.platform.store.types import new_id, now, to_microseconds
from datalake_ops.testing import PlatformServer

TOKEN = "benchmark-token"
PAGE = 1000
BATCH = 10_000
LIMIT_MS = 100.0
# Name of a tag, and every how many data carry it.
TAGS = {"all": 1, "tenth": 10, "hundredth": 100, "rare": 50_000}
EVERYTHING = {"upload_statuses": ["PENDING", "COMPUTING", "DONE", "ERROR"], "types": ["IMAGE", "VIDEO"]}
_ROW = (
    "INSERT INTO data (id, lake_key, object_name, filename, type, content_type, upload_status, width, height,"
    " file_size, metadata, custom_metadata, created_at) VALUES (?, ?, ?, ?, 'IMAGE', 'image/jpeg', 'DONE', 640, 480, ?,"
    " ?, ?, ?)"
)


def main() -> None:
    """Fill a lake, start a server on it, measure, print a table and write a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="datalake-ops-bench-") as folder:
        home = Path(folder)
        started = time.perf_counter()
        fill(home, options.data)
        filled = time.perf_counter() - started
        print(f"{options.data:,} data filled in {filled:.1f} s ({options.data / filled:,.0f}/s)")
        with PlatformServer(home=home, token=TOKEN, admin=False) as server:
            rows = [measure(server, name, query, options.rounds) for name, query in cases(options.data)]
    report(rows, options.data)


def fill(home: Path, count: int) -> None:
    """Write data and tags as an import would, in batches."""
    database = Database(home / "datalake.db")
    database.write_sync(lambda connection: ensure_installation(connection, TOKEN))
    tags = database.write_sync(_make_tags)
    for start in range(1, count + 1, BATCH):
        numbers = range(start, min(start + BATCH, count + 1))
        database.write_sync(lambda connection, numbers=numbers: _add(connection, numbers, tags))
    database.close()


def _make_tags(connection: Connection) -> dict[str, int]:
    lake = find_lake(connection, connection.execute(schema.lake.select()).one().id)
    assert lake is not None
    return {name: insert_tag(connection, lake, name).key for name in TAGS}


def _add(connection: Connection, numbers: range, tags: dict[str, int]) -> None:
    moment = to_microseconds(now())
    rows = [
        (
            new_id().bytes,
            1,
            f"data/{number:012d}.jpg",
            f"photo_{number}.jpg",
            100_000 + number,
            f'{{"latitude":{number % 90}.5,"longitude":1.5}}',
            f'{{"line":"line-{number % 7}","number":{number}}}',
            moment + number,
        )
        for number in numbers
    ]
    connection.exec_driver_sql(_ROW, rows)
    for name, every in TAGS.items():
        pairs = [(tags[name], number) for number in numbers if number % every == 0]
        if pairs:
            connection.exec_driver_sql("INSERT INTO data_tag (tag_key, data_seq) VALUES (?, ?)", pairs)


def cases(count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The measured listings, by name."""
    yield "newest", {}
    for name in TAGS:
        yield f"tag {name}", {"q": f'tags.name = "{name}"'}
    yield "tags tenth and hundredth", {"q": 'tags.name = "tenth" and tags.name = "hundredth"'}
    yield "tags hundredth or rare", {"q": 'tags.name in ("hundredth","rare")'}
    yield "filename", {"q": f'filename = "photo_{count // 2}.jpg"'}
    yield "status ERROR (none)", {"upload_statuses": ["ERROR"]}
    yield "order_by filename", {"order_by": "filename"}
    yield "order_by -created_at, middle", {"order_by": "-created_at", "offset": count // 2}
    yield "filename contains (scan)", {"q": 'filename ~ "12345"'}
    yield "custom metadata (scan)", {"q": 'custom_metadata.line = "line-3"'}


def measure(server: PlatformServer, name: str, query: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Times of a first page and of the page after it."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        ping = session.get(f"{server.url}/api/home/ping").json()
        lake = session.get(f"{server.url}/api/organization/{ping['default_organization']}/datalake").json()["id"]
        address = f"{server.url}/api/datalake/{lake}/datas"
        first, answer = _timed(session, address, {**EVERYTHING, "limit": PAGE, **query}, rounds)
        row = {"case": name, "count": answer["count"], "items": len(answer["items"]), "first_ms": first}
        if answer["next_cursor"]:
            later = {**EVERYTHING, "limit": PAGE, **query, "cursor": answer["next_cursor"]}
            row["next_ms"], _ = _timed(session, address, later, rounds)
    return row


def _timed(session: requests.Session, address: str, query: dict[str, Any], rounds: int) -> tuple[float, Any]:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        answer = session.get(f"{address}?{urlencode(query, doseq=True)}")
        times.append((time.perf_counter() - started) * 1000)
        answer.raise_for_status()
    return statistics.median(times), answer.json()


def report(rows: list[dict[str, Any]], count: int) -> None:
    """Print the table and write the results."""
    print(f"\n{'page of 1,000 of ' + format(count, ','):32} {'match':>10} {'items':>6} {'first ms':>9} {'next ms':>9}")
    for row in rows:
        after = f"{row['next_ms']:9.1f}" if "next_ms" in row else "        -"
        print(f"{row['case']:32} {row['count']:>10,} {row['items']:>6} {row['first_ms']:9.1f} {after}")
    print(f"wanted: {LIMIT_MS:.0f} ms for the newest page and for pages by one tag")
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "platform_listing.json").write_text(json.dumps({"data": count, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
