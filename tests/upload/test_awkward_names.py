"""Names that break what is carelessly written: the platform holds what the report says."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from datalake_ops import Manifest
from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.dedup.tracker import NullTracker
from datalake_ops.upload.entries import Entries
from datalake_ops.upload.reporting.report import FileReport
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import Entry
from datalake_ops.upload.transfer.prefetch import FinishedEntry, Prefetched, Prefetcher
from tests.upload.pictures import a_picture

# More than one page of a listing.
COUNT = 1_200
LONGEST = 255
PIECES = [
    *"'\"`\n\r\t\x01\x7f;&=?#%+*[]{}()<>|$!~,:@^ ",
    *(
        "é",
        "日本",
        "🚗",
        "e\u0301",
        "\u202e",
        "\u200b",
        "\ufeff",
        "ß",
        "İ",
        "a",
        "B",
        "7",
        "..",
        "%2F",
        "${HOME}",
        "&amp;",
    ),
]


def awkward_names(count: int) -> list[str]:
    chance = random.Random(7)
    names: dict[str, None] = {}
    while len(names) < count:
        length = LONGEST if len(names) % 10 == 0 else chance.randint(1, 40)
        stem = "".join(chance.choices(PIECES, k=length)).lstrip(".")
        stem = stem.encode()[: length if length < LONGEST else LONGEST - 4].decode(errors="ignore")
        if len(names) % 100 == 1:
            stem = "back\\" + stem[:20]
        if stem.strip("."):
            names[stem + ("x" * (LONGEST - 4 - len(stem.encode())) if length == LONGEST else "") + ".png"] = None
    return list(names)


def test_the_platform_holds_awkward_names_as_the_report_says(lake: DatalakeHook, tmp_path: Path) -> None:
    content = a_picture(tmp_path / "one.png", (1, 1)).read_bytes()
    folder = tmp_path / "in"
    folder.mkdir()
    names = awkward_names(COUNT)
    for name in names:
        (folder / name).write_bytes(content)

    report = lake.upload(folder)

    assert [Path(row.path).name for row in report.files] == sorted(names)
    assert report.failed.paths == []
    assert all(row.data is not None and row.data.filename == Path(row.path).name for row in report.files)
    held = Counter((data.id, data.filename) for data in lake.iter_data())
    assert held == Counter((data.id, data.filename) for data in report.data)


def test_names_that_look_like_patterns_are_files_when_they_are_named(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in awkward_names(500)]
    for path in paths:
        path.write_bytes(b"x")

    found = list(Entries(UploadRequest(paths)))

    assert [(entry.path, entry.content.open().name) for entry in found] == [(str(path), path.name) for path in paths]


@pytest.mark.parametrize("options", [{"if_exists": "skip"}, {"journal": "night.journal"}, {}])
def test_a_name_that_the_wire_cannot_carry_costs_only_its_row(
    lake: DatalakeHook, tmp_path: Path, options: dict[str, str]
) -> None:
    options = {key: str(tmp_path / value) if key == "journal" else value for key, value in options.items()}
    a_picture(tmp_path / "in" / "good.png")
    (tmp_path / "in" / os.fsdecode(b"\xff.png")).write_bytes(b"x")
    manifest = tmp_path / "m.jsonl"
    manifest.write_text(
        '{"path": "in/\\ud83d.png"}\n{"path": "\\ud83d/a.png"}\n{"path": "in/good.png", "tags": ["\\ud83d"]}\n'
        '{"path": "in/good.png"}\n'
    )

    report = lake.upload([tmp_path / "in", Manifest(str(manifest))], **options)

    assert [str(row.status) for row in report.files[:2]] == ["UPLOADED", "FAILED"]
    assert "not valid UTF-8; rename the file" in str(report.files[1].error)
    assert [row.status.succeeded for row in report.files[2:]] == [False, False, False, True]
    assert "not valid UTF-8" in str(report.files[2].error)
    assert "tags are no list of names" in str(report.files[4].error)
    assert all(f"{row.error}" for row in report.failed)


class _Faulty(NullTracker):
    async def precheck(self, entries: Sequence[Entry]) -> Sequence[FileReport | None]:
        raise RuntimeError("nobody foresaw this")


def test_an_unforeseen_error_of_the_look_up_fails_rows_and_not_the_run(tmp_path: Path) -> None:
    request = UploadRequest([a_picture(tmp_path / f"{number}.png") for number in range(3)])

    async def fed() -> list[Prefetched]:
        return [one async for one in Prefetcher(Entries(request), request, _Faulty(), lambda: None).items()]

    rows = [one.row for one in asyncio.run(fed()) if isinstance(one, FinishedEntry)]

    assert [str(row.status) for row in rows] == ["FAILED"] * 3
    assert "nobody foresaw this" in str(rows[0].error)


class _Forgetting(NullTracker):
    def __init__(self) -> None:
        self.forgotten: list[int] = []

    def forget(self, index: int) -> None:
        self.forgotten.append(index)


def test_what_was_looked_up_for_a_file_that_cannot_be_looked_at_is_let_go_of(tmp_path: Path) -> None:
    tracker = _Forgetting()
    request = UploadRequest([a_picture(tmp_path / "a.png"), tmp_path / "missing.png"])

    async def fed() -> list[Prefetched]:
        return [one async for one in Prefetcher(Entries(request), request, tracker, lambda: None).items()]

    asyncio.run(fed())

    assert tracker.forgotten == [1]
