"""The demo's images: real photographs stay as they are, and every altered copy is altered as its name says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from PIL import ExifTags, Image, ImageStat

from datalake_ops.demo.not_taken import NotTaken, by_reason, files_passed_over
from datalake_ops.demo.photographs import CHANGES, deal, photographs, prepare
from datalake_ops.errors import ConfigurationError


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return prepare(photographs(None), tmp_path_factory.mktemp("demo") / "prepared", invent_exif=True)


def _originals(prepared: list[Path]) -> list[Path]:
    return [path for path in prepared if not path.stem.endswith(tuple(CHANGES))]


def test_there_are_at_least_twenty_distinct_photographs() -> None:
    contents = {path.read_bytes() for path in photographs(None)}

    assert len(contents) >= 20
    assert all(len(content) < 61_000 for content in contents)


def test_inventing_exif_leaves_every_pixel_as_it_was(prepared: list[Path]) -> None:
    for shipped, copied in zip(photographs(None), _originals(prepared), strict=True):
        with Image.open(shipped) as before, Image.open(copied) as after:
            assert before.tobytes() == after.tobytes()
            assert after.getexif()[ExifTags.Base.Model] == "Invented Camera 1"


def test_every_photograph_gets_one_altered_copy(prepared: list[Path]) -> None:
    kinds = Counter(path.stem.rpartition("-")[2] for path in prepared if path not in _originals(prepared))

    assert set(kinds) == set(CHANGES)
    assert kinds.total() == len(photographs(None))


def test_copies_are_darker_brighter_or_smaller_as_named(prepared: list[Path]) -> None:
    for path in prepared:
        with Image.open(path) as image:
            mean = ImageStat.Stat(image.convert("L")).mean[0]
            if path.stem.endswith("-darkened"):
                assert mean < 30
            if path.stem.endswith("-overexposed"):
                assert mean > 190
            if path.stem.endswith("-shrunk"):
                assert image.width == 120


def test_no_two_hands_share_a_file_yet_show_the_same(prepared: list[Path], tmp_path: Path) -> None:
    airflow = deal(prepared, "airflow", tmp_path / "a", tmp_path / "bucket")
    prefect = deal(prepared, "prefect", tmp_path / "b", tmp_path / "bucket")

    assert len(airflow.in_folder) > len(airflow.in_bucket) > 0
    assert len(airflow.files) == len(prepared)
    assert (airflow.prefix, prefect.prefix) == ("airflow/", "prefect/")
    for one, other in zip(airflow.files, prefect.files, strict=True):
        assert one.read_bytes() != other.read_bytes()
        with Image.open(one) as left, Image.open(other) as right:
            assert left.tobytes() == right.tobytes()


def test_the_users_own_files_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "mine" / "deep").mkdir(parents=True)
    Image.new("RGB", (40, 30), "red").save(tmp_path / "mine" / "one.png")
    (tmp_path / "mine" / "deep" / "broken.jpg").write_bytes(b"\xff\xd8 no photograph")
    (tmp_path / "mine" / "notes.txt").write_text("not an image")

    prepared = prepare(photographs(tmp_path / "mine"), tmp_path / "prepared", invent_exif=False)

    names = {path.name: path.read_bytes() for path in prepared}
    assert names["001-broken.jpg"] == b"\xff\xd8 no photograph"
    assert names["002-one.png"] == (tmp_path / "mine" / "one.png").read_bytes()
    assert "notes.txt" not in str(names.keys())


def test_what_the_demo_does_not_take_is_told_with_its_reason(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.AVIF", "clip.mp4", "notes.txt", ".hidden.jpg", ".thumbnails/c.jpg", "deep/d.gif", "e.pdf"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")

    assert [path.name for path in photographs(tmp_path)] == ["a.jpg", "b.AVIF", "d.gif"]
    assert files_passed_over(tmp_path) == [
        NotTaken("clip.mp4", "is a video; the demo takes pictures"),
        NotTaken("e.pdf", "is no picture by its name"),
        NotTaken("notes.txt", "is no picture by its name"),
    ]
    assert files_passed_over(None) == []


def test_files_that_were_not_taken_are_counted_by_reason() -> None:
    files = [NotTaken(name, "is empty") for name in ("a.jpg", "b.jpg", "a.jpg")] + [
        NotTaken("c.heic", "needs an extra")
    ]

    assert by_reason(reversed(files)) == [("is empty", ["a.jpg", "b.jpg"]), ("needs an extra", ["c.heic"])]


def test_an_image_that_cannot_be_altered_gets_no_copy(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "tiny.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "tiny.png").read_bytes()[:40])

    prepared = prepare([tmp_path / "cut.png"] * len(CHANGES) + [tmp_path / "tiny.png"], tmp_path / "out", False)

    assert len(prepared) == len(CHANGES) + 2


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no image"):
        photographs(tmp_path)
    with pytest.raises(ConfigurationError, match="is not a folder"):
        photographs(tmp_path / "nowhere")
