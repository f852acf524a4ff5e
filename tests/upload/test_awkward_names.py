"""Ten thousand names that break what is carelessly written: the platform holds what the report says."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.entries import entries
from datalake_ops.upload.request import UploadRequest
from tests.upload.pictures import a_picture

COUNT = 10_000
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


def test_the_platform_holds_ten_thousand_awkward_names_as_the_report_says(lake: DatalakeHook, tmp_path: Path) -> None:
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

    found = list(entries(UploadRequest(paths)))

    assert [(entry.path, entry.content.open().name) for entry in found] == [(str(path), path.name) for path in paths]
