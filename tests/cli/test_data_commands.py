"""Commands on data: what they choose, change, print and refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from datalake_ops.cli import main

AsJson = Callable[..., Any]


def filenames(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(row["filename"] for row in rows)


def test_finds_one_data_by_its_name(uploaded: list[str], as_json: AsJson, capsys: pytest.CaptureFixture[str]) -> None:
    assert as_json("find", "photo 1.jpg")["id"] == uploaded[1]
    assert as_json("find", "--id", uploaded[2])["filename"] == "photo 2.jpg"
    assert main(["find", "photo 0.jpg"]) == 0
    assert "photo 0.jpg" in capsys.readouterr().out
    assert main(["find", "nowhere.jpg"]) == 1


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--filename", "photo 1.jpg"], [1]),
        (["--filename", "photo 1.jpg", "--filename", "photo 2.jpg"], [1, 2]),
        (["--source", "camera-one"], [0, 1, 2]),
        (["--source", "camera-two"], []),
        (["--source", ""], []),
        (["--metadata", "brand=leica"], [0]),
        (["--metadata", "latitude=12.5"], [0]),
        (["--custom-metadata", "lamp=true"], [1]),
        (["--tag", "night", "--q", "width > 64"], [1, 2]),
        (["-q", "width > 64", "--source", "camera-one", "--filename", "photo 2.jpg"], [2]),
        (["--order-by", "filename", "--offset", "1", "--limit", "1"], [1]),
        (["--everything"], [0, 1, 2]),
        (["--tags", "night", "none", "--all-tags"], []),
    ],
)
@pytest.mark.parametrize("command", ["list", "count"])
def test_filters_choose_the_same_in_every_command(
    command: str, words: list[str], found: list[int], uploaded: list[str], as_json: AsJson
) -> None:
    place = ["--set-metadata", "latitude=12.5", "--set-metadata", "longitude=2"]
    assert main(["update", "--id", uploaded[0], "--set-metadata", "brand=leica", *place]) == 0
    assert main(["update", "--id", uploaded[1], "--set-custom-metadata", "lamp=true"]) == 0

    answer = as_json(command, *words)

    if command == "count":
        assert answer == {"count": len(found)}
    else:
        assert sorted(row["id"] for row in answer) == sorted(uploaded[index] for index in found)


def test_an_id_narrows_other_filters(uploaded: list[str], as_json: AsJson) -> None:
    assert filenames(as_json("list", "--id", uploaded[0], "--id", uploaded[2], "-q", "width > 64")) == ["photo 2.jpg"]


def test_tags_and_untags_what_is_chosen(uploaded: list[str], as_json: AsJson) -> None:
    assert as_json("tag", "wide", "checked", "-q", "width > 64") == {"data": 2, "tags": ["wide", "checked"]}
    assert as_json("untag", "checked", "--id", uploaded[1])["data"] == 1
    assert as_json("untag", "night", "--everything")["data"] == 3

    assert filenames(as_json("list", "--tags", "wide", "checked", "--all-tags")) == ["photo 2.jpg"]
    assert as_json("count", "--tag", "night") == {"count": 0}
    assert {tag["name"] for tag in as_json("tags")} == {"night", "wide", "checked"}


def test_updates_and_keeps_the_keys_that_it_does_not_set(uploaded: list[str], as_json: AsJson) -> None:
    words = ("--set-metadata", "brand=leica", "--set-source", "camera-two", "--add-tag", "checked")

    assert as_json("update", "--tag", "night", "--set-custom-metadata", 'shift={"team": 3}', *words) == {"data": 3}
    assert as_json("update", "--id", uploaded[0], "--set-custom-metadata", "lamp=on") == {"data": 1}

    first = as_json("find", "--id", uploaded[0])
    assert first["metadata"]["brand"] == "leica"
    assert first["data_source"]["name"] == "camera-two"
    assert {"shift", "lamp", "content_sha256"} <= set(first["custom_metadata"])
    assert first["custom_metadata"]["shift"] == {"team": 3}
    assert {tag["name"] for tag in first["tags"]} == {"night", "checked"}
    assert "camera-two" in {source["name"] for source in as_json("sources")}


def test_delete_asks_for_yes_where_nobody_can_be_asked(
    uploaded: list[str], as_json: AsJson, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["delete", "--id", uploaded[0]]) == 2
    assert "--yes" in capsys.readouterr().err
    assert as_json("count") == {"count": 3}

    assert as_json("delete", "--id", uploaded[0], "--yes") == {"data": 1}
    assert as_json("count") == {"count": 2}


@pytest.mark.parametrize(
    "command",
    [
        ["tag", "x"],
        ["untag", "x"],
        ["update", "--add-tag", "x"],
        ["delete", "--yes"],
        ["download", "somewhere"],
        ["launch", "quality-tagging"],
    ],
)
@pytest.mark.parametrize(
    "choice",
    [
        [],
        ["--tag", ""],
        ["--tags", "night", ""],
        ["-q", " "],
        ["--source", ""],
        ["--id", ""],
        ["--offset", "1"],
        ["--custom-metadata", "lamp="],
        ["--metadata", "brand="],
        ["--tag", "night", "--everything"],
    ],
)
@pytest.mark.usefixtures("lake")
def test_an_unset_choice_is_never_the_whole_lake(
    command: list[str], choice: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, *choice]) == 2

    assert capsys.readouterr().err.count("\n") == 1


def test_downloads_report_each_file_and_go_on_where_they_were(
    uploaded: list[str], photos: Path, tmp_path: Path, as_json: AsJson
) -> None:
    folder = tmp_path / "down"

    rows = as_json("download", str(folder), "--tag", "night")
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = as_json("download", str(folder), "--id", uploaded[0], "--id", uploaded[1])

    assert {row["status"] for row in rows} == {"DONE"}
    assert {Path(row["path"]).read_bytes() for row in rows} == {path.read_bytes() for path in photos.iterdir()}
    assert {row["id"] for row in again} == set(uploaded[:2])
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_download_of_two_data_of_one_name_keeps_both(
    uploaded: list[str], photos: Path, tmp_path: Path, as_json: AsJson
) -> None:
    Image.effect_noise((90, 90), 50).save(photos / "photo 0.jpg")
    as_json("upload", str(photos / "photo 0.jpg"))

    rows = as_json("download", str(tmp_path / "down"), "--filename", "photo 0.jpg")

    assert len({row["path"] for row in rows}) == 2


def test_a_download_names_the_files_that_failed_beside_those_that_are_there(
    uploaded: list[str], tmp_path: Path, as_json: AsJson
) -> None:
    folder = tmp_path / "down"
    (folder / "photo 1.jpg").mkdir(parents=True)

    rows = as_json("download", str(folder), "--everything", "--force-replace", code=1)

    failed = {row["filename"]: row for row in rows if row["status"] == "FAILED"}
    assert set(failed) == {"photo 1.jpg"}
    assert failed["photo 1.jpg"]["error"]
    assert sum(row["status"] == "DONE" and Path(row["path"]).is_file() for row in rows) == 2


def test_an_id_that_is_not_there_fails(uploaded: list[str], tmp_path: Path) -> None:
    unknown = "8e1d2c1e-0000-4000-8000-000000000000"

    assert main(["download", str(tmp_path / "down"), "--id", uploaded[0], "--id", unknown]) == 1
    assert main(["tag", "x", "--id", unknown]) == 1


def test_adds_projections_once(uploaded: list[str], photos: Path, as_json: AsJson) -> None:
    pictures = [f"{data}={photos / f'photo {index}.jpg'}" for index, data in enumerate(uploaded)]

    first = as_json("project", "mask", *pictures[:2])
    second = as_json("project", "mask", *pictures[1:])
    failed = as_json("project", "mask", f"{uploaded[0]}={photos / 'nowhere.jpg'}", "--if-exists", "upload", code=1)

    assert [row["status"] for row in first] == ["UPLOADED", "UPLOADED"]
    assert [row["status"] for row in second] == ["SKIPPED", "UPLOADED"]
    assert "nowhere.jpg" in failed[0]["error"]
    assert {row["data_id"] for row in as_json("projections", "--tag", "night")} == set(uploaded)
