from __future__ import annotations

import zipfile
from pathlib import Path

from datalake_ops.upload.preflight import FileProblem, PreflightFinding, check
from tests.upload.pictures import a_large_tiff, a_picture, a_text_named_jpg, a_truncated_jpeg


def test_each_problem_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    good = a_picture(tmp_path / "1-good.png")
    (tmp_path / "2-empty.png").touch()
    a_text_named_jpg(tmp_path / "3-text.jpg")
    a_truncated_jpeg(tmp_path / "4-cut.jpg")
    (tmp_path / "5-same.png").write_bytes(good.read_bytes())
    (tmp_path / "6-notes.txt").write_text("notes")
    a_picture(tmp_path / "7-good.jpg", (50, 50))
    (tmp_path / "8.mp4").write_bytes(b"who knows")
    paths = [*sorted(tmp_path.iterdir()), tmp_path / "9-missing.png"]

    found = check(paths)

    assert [(Path(finding.path).name, finding.problem) for finding in found.findings] == [
        ("2-empty.png", FileProblem.EMPTY),
        ("3-text.jpg", FileProblem.UNDECODABLE),
        ("4-cut.jpg", FileProblem.UNDECODABLE),
        ("5-same.png", FileProblem.DUPLICATE),
        ("6-notes.txt", FileProblem.UNSUPPORTED),
        ("8.mp4", FileProblem.UNDECODABLE),
        ("9-missing.png", FileProblem.UNREADABLE),
    ]
    assert "truncated" in found.findings[2].detail
    assert found.findings[3] == PreflightFinding(
        str(tmp_path / "5-same.png"), FileProblem.DUPLICATE, f"has the same content as {good}"
    )
    assert not found
    assert found.counts() == {"empty": 1, "unreadable": 1, "undecodable": 3, "unsupported": 1, "duplicate": 1}
    assert (found.files, found.rows()[0][0]) == (9, "empty")


def test_good_files_are_good(tmp_path: Path) -> None:
    for number, suffix in enumerate(("png", "jpg", "gif", "bmp", "tiff", "webp")):
        a_picture(tmp_path / f"a.{suffix}", (40 + number, 30))

    found = check(tmp_path)

    assert found
    assert (found.files, found.findings) == (6, ())
    assert found.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_large_files_are_read_by_ranges(tmp_path: Path) -> None:
    large = a_large_tiff(tmp_path / "a.tiff", 4)
    (tmp_path / "cut.tiff").write_bytes(large.read_bytes()[:-1_000_000])

    found = check([large, tmp_path / "cut.tiff", large])

    assert [finding.problem for finding in found.findings] == [FileProblem.UNDECODABLE]


def test_an_archive_is_checked_where_it_lies(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(a_picture(tmp_path / "a.png"), "in/a.png")
        archive.writestr("in/b.png", b"no picture")

    found = check(f"zip://in::{tmp_path}/all.zip", exclude=["c*"])

    assert [(finding.path, finding.problem) for finding in found.findings] == [
        (f"zip://in/b.png::{tmp_path}/all.zip", FileProblem.UNDECODABLE)
    ]
