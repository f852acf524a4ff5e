"""Types that a walk takes up by a name's ending, and the count of what it passes over."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.entries import Entries
from datalake_ops.upload.options import UploadOptions
from datalake_ops.upload.preflight import check
from datalake_ops.upload.request import UploadRequest
from datalake_ops.wire.media_types import is_transport_stream, sniff, type_of_name
from tests.pictures.files import a_transport_stream
from tests.upload.pictures import a_picture

VIDEOS = {".3gp", ".3g2", ".mts", ".m2ts", ".ts", ".insv", ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm"}
HEIF_BRANDS = (b"heif", b"miaf", b"mif2", b"MiHE", b"avci", b"avcs")
PICTURES = {".jpg", ".mpo", ".dng", ".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".nef", ".cr3", ".png", ".apng"}


def a_folder(path: Path) -> Path:
    a_picture(path / "a.png")
    (path / "B.TS").write_bytes(a_transport_stream())
    (path / "C.MTS").write_bytes(a_transport_stream(192))
    (path / "app.ts").write_text("export const answer: number = 42;\n")
    (path / "module.mts").write_text("export {};\n")
    for name in ("notes.txt", "more.txt", "a.xmp", "README"):
        (path / name).write_text("text")
    (path / ".hidden.txt").write_text("text")
    (path / "left").mkdir()
    (path / "left" / "out.txt").write_text("text")
    return path


def walked(path: Path, **options: object) -> tuple[list[str], dict[str, int]]:
    request = UploadRequest(path, UploadOptions(**options))
    names = [Path(entry.path).name for entry in Entries(request)]
    return names, request.remarks.passed_over


@pytest.mark.parametrize("ending", sorted(VIDEOS | PICTURES))
def test_the_table_knows_what_people_photograph_and_film(ending: str) -> None:
    kind = type_of_name(f"A{ending.upper()}")

    assert kind is not None
    assert kind.startswith("video/" if ending in VIDEOS else "image/")


@pytest.mark.parametrize("name", ["a.txt", "a", ".jpg", "jpg", "a.svg", "a.jpg.part", "a.é"])
def test_other_endings_are_not_in_the_table(name: str) -> None:
    assert type_of_name(name) is None


def test_a_walk_goes_by_its_own_table_and_not_by_the_machines(tmp_path: Path) -> None:
    for name in ("a.png", "b.flv", "c.ogv", "d.psd", "e.xcf", "f.pcx", "g.svg"):
        (tmp_path / name).write_bytes(b"?")

    assert walked(tmp_path) == (["a.png", "b.flv", "c.ogv"], {".psd": 1, ".xcf": 1, ".pcx": 1, ".svg": 1})


def test_a_walk_takes_transport_streams_and_no_typescript(tmp_path: Path) -> None:
    names, passed_over = walked(a_folder(tmp_path), exclude="left")

    assert names == ["B.TS", "C.MTS", "a.png"]
    assert passed_over == {".ts": 1, ".mts": 1, ".txt": 2, ".xmp": 1, "": 1}


def test_what_patterns_leave_out_is_not_passed_over(tmp_path: Path) -> None:
    assert walked(a_folder(tmp_path), include="*.txt") == (["out.txt", "more.txt", "notes.txt"], {})
    assert walked(tmp_path / "*.png") == (["a.png"], {})
    assert walked(tmp_path / "*.txt", exclude="more*")[1] == {".txt": 1}


def test_a_check_counts_what_it_passes_over(tmp_path: Path) -> None:
    found = check(a_folder(tmp_path))

    assert found.passed_over == {".ts": 1, ".mts": 1, ".txt": 3, ".xmp": 1, "": 1}


def test_the_report_and_the_log_tell_what_was_passed_over(
    lake: DatalakeHook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    a_picture(tmp_path / "a.png")
    for name in ("a.txt", "b.txt", "c.zip"):
        (tmp_path / name).write_text("text")

    with caplog.at_level(logging.INFO, "datalake_ops.upload"):
        report = lake.upload(tmp_path)

    [note] = report.notes
    assert note == "Passed over by the ending of their names: 2 .txt, 1 .zip."
    assert note in caplog.messages


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif", "image/avif"),
        (b"\0\0\0\x14ftypmif1\0\0\0\0mif1", "image/heif"),
        *((b"\0\0\0\x14ftyp" + brand + b"\0\0\0\0mif1", "image/heif") for brand in HEIF_BRANDS),
        *(
            (b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1heic", "image/heic")
            for brand in (*HEIF_BRANDS, b"hevm", b"hevs")
        ),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", "video/mp4"),
        (b"\0\0\0\x14ftyp3gp5\0\0\0\0", "video/3gpp"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "video/quicktime"),
        (b"\0\0\0\x14ftypcrx \0\0\0\0", "image/x-canon-cr3"),
        (b"\xff\x0a", "image/jxl"),
        (b"IIU\0", "image/x-panasonic-rw2"),
        (b"GGGG" * 100, "video/mp2t"),
        (b"G" + b"text" * 100, None),
        (b"", None),
    ],
)
def test_the_first_bytes_tell_the_type(head: bytes, kind: str | None) -> None:
    assert sniff(head) == kind


def test_a_short_text_is_no_transport_stream() -> None:
    assert not is_transport_stream(b"")
    assert not is_transport_stream(b"\x47")
