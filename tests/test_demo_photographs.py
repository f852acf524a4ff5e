"""The demo's images: real photographs stay as they are, and every altered copy is altered as its name says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from PIL import ExifTags, Image, ImageStat

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


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no image"):
        photographs(tmp_path)
    with pytest.raises(ConfigurationError, match="is not a folder"):
        photographs(tmp_path / "nowhere")
