"""`report.retry`: all of what is not in the lake, and nothing else."""

from __future__ import annotations

import io
import json
import os
import pickle
from pathlib import Path

import pytest

from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.reporting.report import UploadReport
from datalake_ops.upload.sharding import plan_shards
from datalake_ops.upload.sources.hash_set import HashSet
from datalake_ops.upload.sources.manifest import Manifest
from datalake_ops.upload.sources.streams import NamedStream
from datalake_ops.upload.sources.subset import Subset, SubsetFilter
from tests.upload.pictures import a_picture, a_text_named_jpg


def told(report: UploadReport) -> list[tuple[str, str]]:
    return [(Path(row.path).name, str(row.status)) for row in report.files]


def test_a_folder_that_could_not_be_listed_is_uploaded_when_it_can(lake: DatalakeHook, half_closed: Path) -> None:
    nobody = os.geteuid()
    os.seteuid(os.getuid())
    a_picture(half_closed / "closed" / "deep" / "b.png")
    a_picture(half_closed / "closed" / "c.png")
    # Who is not root may not be able to import what an upload needs.
    lake.upload(half_closed / "a.png")
    os.seteuid(nobody)
    report = lake.upload(half_closed, if_exists="skip")
    os.seteuid(os.getuid())
    (half_closed / "closed").chmod(0o755)

    again = pickle.loads(pickle.dumps(report)).retry(lake)

    assert told(report)[1:] == [("closed", "FAILED")]
    assert told(again)[-2:] == [("c.png", "UPLOADED"), ("b.png", "UPLOADED")]


@pytest.mark.parametrize("source", ["photos", "photos/*.png", "photos/deep"])
def test_a_place_that_was_not_there_is_uploaded_whole_when_it_is(
    lake: DatalakeHook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    report = lake.upload([source])
    assert [str(row.status) for row in report.files] == ["FAILED"]
    for name in ("photos/a.png", "photos/deep/b.png"):
        a_picture(tmp_path / name)

    again = report.retry(lake)

    assert [str(row.status) for row in again.files] == ["UPLOADED"] * (2 if source == "photos" else 1)


def test_a_mended_row_of_a_manifest_is_uploaded_with_what_it_says(lake: DatalakeHook, tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    for name in "abc":
        a_picture(tmp_path / f"{name}.png")
    lines = [json.dumps({"path": f"{name}.png", "custom_metadata": {"name": name}}) for name in "abc"]
    manifest.write_text("\n".join([lines[0], lines[1][:-3], lines[2]]))
    report = lake.upload(Manifest(str(manifest)))
    assert report.failed.paths == [f"{manifest}:2"]
    manifest.write_text("\n".join(lines))

    again = report.retry(lake)

    assert told(again) == [("b.png", "UPLOADED")]
    assert again.data[0].custom_metadata == {"name": "b"}
    assert again.retry(lake).files == ()


def test_files_that_come_back_to_a_shard_are_uploaded_and_no_other_twice(lake: DatalakeHook, tmp_path: Path) -> None:
    for number in range(4):
        a_picture(tmp_path / f"{number}.png")
    [shard] = plan_shards(tmp_path, max_files=10)
    (tmp_path / "1.png").rename(tmp_path / ".gone")
    report = lake.upload(shard)
    assert report.failed_count == 1
    (tmp_path / ".gone").rename(tmp_path / "1.png")

    assert told(report.retry(lake)) == [("1.png", "UPLOADED")]
    assert lake.count_data() == 4


def test_of_two_files_of_one_path_only_the_failed_one_is_sent_again(lake: DatalakeHook, tmp_path: Path) -> None:
    content = a_picture(tmp_path / "a.png").read_bytes()
    closed = io.BytesIO()
    closed.close()
    streams = [closed, io.BytesIO(content), closed, closed]
    report = lake.upload([NamedStream("a.png", stream) for stream in streams])
    assert [str(row.status) for row in report.files] == ["FAILED", "UPLOADED", "FAILED", "FAILED"]

    again = report.retry(lake).retry(lake)

    assert told(again) == [("a.png", "FAILED")] * 3
    assert lake.count_data() == 1


def test_a_file_that_the_platform_cannot_read_is_told_again_and_not_sent_again(
    lake: DatalakeHook, tmp_path: Path
) -> None:
    paths = [a_text_named_jpg(tmp_path / "text.jpg"), tmp_path / "late.png"]
    report = lake.upload(paths)
    a_picture(paths[1])

    again = pickle.loads(pickle.dumps(report)).retry(lake)

    assert sorted(told(again)) == [("late.png", "UPLOADED"), ("text.jpg", "UNPROCESSABLE")]
    [row] = again.failed
    assert row.data.model_dump() == report.files[0].data.model_dump()
    assert lake.count_data() == 2
    a_picture(paths[0])
    assert told(again.retry(lake, if_exists="skip")) == [("text.jpg", "UPLOADED")]


def test_what_is_not_found_again_is_a_failed_row_in_the_order_of_the_first_upload(
    lake: DatalakeHook, tmp_path: Path
) -> None:
    names = [f"{number}.png" for number in range(20)]
    for name in names:
        (tmp_path / name).touch()
    report = lake.upload(tmp_path)
    for name in names:
        (tmp_path / name).unlink()
    a_picture(tmp_path / "new.png")

    again = report.retry(lake)

    assert told(again) == [(name, "FAILED") for name in sorted(names)]
    assert "not among the files of its source any more" in str(again.files[0].error)


def test_an_iterator_with_a_value_for_each_path_is_kept(lake: DatalakeHook, tmp_path: Path) -> None:
    paths = [a_picture(tmp_path / "a.png"), tmp_path / "b.png"]
    report = lake.upload(iter(paths), custom_metadata=[{"name": "a"}, {"name": "b"}])
    a_picture(paths[1])

    again = report.retry(lake)

    assert told(again) == [("b.png", "UPLOADED")]
    assert again.data[0].custom_metadata == {"name": "b"}


def test_the_rest_of_a_manifest_is_meant_from_the_line_where_it_could_not_be_read_on() -> None:
    chosen = SubsetFilter(
        Subset(Manifest("m.jsonl"), frozenset({"m.jsonl:3"}), {"m.jsonl:3": (0,)}, HashSet(["a", "b", "e"]))
    )

    meant = [path for line, path in enumerate("abcde", 1) if chosen.includes(path, "m.jsonl", line, unreadable=False)]

    assert meant == ["c", "d"]
    assert list(chosen.missing()) == []


def test_a_retry_of_an_iterator_reads_rows_in_their_manifest_again(lake: DatalakeHook, tmp_path: Path) -> None:
    a_picture(tmp_path / "outside.png")
    (base := tmp_path / "in").mkdir()
    (base / "late.png").write_bytes(b"")
    lines = [{"path": "../outside.png"}, {"path": "late.png", "custom_metadata": {"place": "lab"}}]
    (base / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = lake.upload(iter([Manifest(str(base / "m.jsonl"), foreign=True)]))
    a_picture(base / "late.png")

    again = pickle.loads(pickle.dumps(report)).retry(lake)

    assert told(again) == [("m.jsonl:1", "FAILED"), ("late.png", "UPLOADED")]
    assert "allow=" in str(again.errors[0])
    assert again.data[0].custom_metadata == {"place": "lab"}
