"""An upload that is killed (SIGKILL) at any moment and started again ends with one copy of each file."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.client.operation import Operation, raw
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.wire import routes
from tests.upload.pictures import a_large_tiff, a_picture
from tests.upload.worker import Job, Worker

FILES = 5
# Requests of an undisturbed upload: look-ups and all names first, then two or three for each file.
REQUESTS = 6 + 2 * FILES
KILLS = 52
# A large file has two parts: name, begin, two requests for each part, join and register.
LARGE_REQUESTS = 5 + 4 + 2 * 2
LARGE_KILLS = 6
DEADLINE = 120.0


def options_of(way: str, folder: Path) -> dict[str, Any]:
    return {
        "compared": {"if_exists": "skip"},
        "journal file": {"journal": folder / "journal.db"},
        "journal url": {"journal": f"file://{folder}/journal"},
        "error and journal": {"if_exists": "error", "journal": folder / "journal.db"},
    }[way]


def allow_no_extra_keys(hook: DatalakeHook) -> None:
    path = routes.METADATA_SCHEMA.format(datalake=hook.context.datalake.id)
    hook.send(Operation("PATCH", path, raw, body={"allow_extra_custom_metadata": False}))


def kill_after(worker: Worker, server: PlatformServer, requests: int, more: float) -> None:
    """Kill a worker when the platform has had so many requests of it, and `more` seconds later."""
    deadline = time.monotonic() + DEADLINE
    while worker.runs and len(server.requests()) < requests and time.monotonic() < deadline:
        time.sleep(0.003)
    time.sleep(more)
    worker.kill()


@pytest.mark.parametrize("way", ["compared", "journal file", "journal url", "error and journal"])
def test_kills_at_random_moments_leave_one_copy_of_each_file(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path, way: str
) -> None:
    connection = replace(lake.connection, datalake_id=lake.context.datalake.id)
    caught: Counter[int] = Counter()
    for seed in range(KILLS // 4):
        chance = random.Random(f"{way} {seed}")
        folder = tmp_path / str(seed)
        paths = [a_picture(folder / f"{seed}-{n}.png", (10 + seed, 10 + n)) for n in range(FILES)]
        job = Job(connection, paths, options_of(way, folder) | {"max_workers": 2}, folder / "report.json")
        datalake_platform.clear_requests()

        kill_after(Worker(job), datalake_platform, chance.randrange(3, REQUESTS), chance.uniform(0, 0.01))
        caught[lake.count_data() - seed * FILES] += 1
        names = [path.name for path in paths]
        report = lake.upload(paths, **job.options)

        held = list(lake.list_data(filenames=names))
        assert Counter(one.filename for one in held) == Counter(names), f"seed {seed}"
        assert [(row.data.id, row.status.succeeded) for row in report.files if row.data] == [
            (one.id, True) for name in names for one in held if one.filename == name
        ], f"seed {seed}"
        assert report.doubled == []
    assert lake.count_data() == FILES * (KILLS // 4)
    # Most kills came while files were under way, not before and not after.
    assert sum(count for there, count in caught.items() if 0 < there < FILES) >= 3, caught


def test_kills_at_random_moments_of_a_large_file_leave_one_copy_of_it(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    chance = random.Random("parts")
    connection = replace(lake.connection, datalake_id=lake.context.datalake.id)
    path = a_large_tiff(tmp_path / "large.tiff", megabytes=27)
    content = sha256(path.read_bytes()).hexdigest()
    for seed in range(LARGE_KILLS):
        options = {"journal": tmp_path / f"{seed}.db", "if_exists": "skip", "content_key": f"sum-{seed}"}
        job = Job(connection, [path], options, tmp_path / "report.json")
        datalake_platform.clear_requests()

        kill_after(Worker(job), datalake_platform, chance.randrange(4, LARGE_REQUESTS), chance.uniform(0, 0.02))
        [row] = lake.upload(path, **options).files
        [copy] = lake.download(row.data, tmp_path / str(seed))

        assert row.status.succeeded
        assert lake.count_data() == 1
        assert sha256(copy.read_bytes()).hexdigest() == content
        lake.delete_data(row.data)


def settled_count(lake: DatalakeHook) -> int:
    """How many data there are once the platform has done what a killed worker had asked for last."""
    count, seen_at = lake.count_data(), time.monotonic()
    while time.monotonic() - seen_at < 2:
        time.sleep(0.05)
        if (now := lake.count_data()) != count:
            count, seen_at = now, time.monotonic()
    return count


def test_a_run_that_is_killed_again_and_again_ends_after_all(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    chance = random.Random("again and again")
    connection = replace(lake.connection, datalake_id=lake.context.datalake.id)
    paths = [a_picture(tmp_path / f"{n}.png", (10 + n, 10)) for n in range(40)]
    job = Job(connection, paths, {"journal": tmp_path / "journal.db", "max_workers": 4}, tmp_path / "report.json")

    # Slow enough for a kill to come in the middle whatever else this machine does.
    datalake_platform.script_fault("POST", "/datas$", delay=0.2, count=1000)
    for _ in range(6):
        datalake_platform.clear_requests()
        kill_after(Worker(job), datalake_platform, chance.randrange(8, 24), 0)
    datalake_platform.clear_faults()
    before = settled_count(lake)
    datalake_platform.clear_requests()
    report = lake.upload(paths, **job.options)

    assert 0 < before < 40
    assert report.counts()["UPLOADED"] + report.counts()["SKIPPED"] == 40
    registered = [
        one for one in datalake_platform.requests() if one["path"].endswith("/datas") and one["method"] == "POST"
    ]
    assert len(registered) == 40 - before
    assert sorted(report.data.ids) == sorted(one.id for one in lake.iter_data())


def test_two_workers_that_upload_one_folder_at_once_end_with_one_copy_of_each_and_the_tags_of_both(
    lake: DatalakeHook, tmp_path: Path
) -> None:
    connection = replace(lake.connection, datalake_id=lake.context.datalake.id)
    paths = [a_picture(tmp_path / f"{n}.png", (10 + n, 10)) for n in range(60)]
    begin = tmp_path / "begin"
    workers = [
        Worker(Job(connection, paths, {"if_exists": "skip", "tags": [name]}, tmp_path / f"{name}.json", begin))
        for name in "ab"
    ]

    begin.touch()
    rows = [worker.rows() for worker in workers]

    held = {one.filename: str(one.id) for one in lake.iter_data()}
    assert lake.count_data() == lake.count_data(tags=["a", "b"], intersect_tags=True) == 60
    for one in rows:
        assert [row["data_id"] for row in one] == [held[path.name] for path in paths]
        assert {row["status"] for row in one} <= {"UPLOADED", "SKIPPED"}


def test_kills_are_survived_where_only_the_journal_can_tell(
    lake: DatalakeHook, datalake_platform: PlatformServer, tmp_path: Path
) -> None:
    allow_no_extra_keys(lake)
    connection = replace(lake.connection, datalake_id=lake.context.datalake.id)
    paths = [a_picture(tmp_path / f"{n}.png", (10 + n, 10)) for n in range(FILES)]
    job = Job(connection, paths, {"if_exists": "skip", "journal": tmp_path / "journal.db"}, tmp_path / "report.json")
    datalake_platform.clear_requests()

    kill_after(Worker(job), datalake_platform, 20, 0)
    report = lake.upload(paths, **job.options)

    assert sorted(report.data.ids) == sorted(one.id for one in lake.iter_data())
    assert lake.count_data() == FILES
