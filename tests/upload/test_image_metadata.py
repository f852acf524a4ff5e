from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, TiffImagePlugin

from datalake_ops.upload.sources.entry import WHOLE_BYTES
from datalake_ops.upload.sources.image_metadata import Picture, merged, read_picture
from datalake_ops.upload.sources.local import open_file
from tests.upload.pictures import a_picture, a_text_named_jpg, a_truncated_jpeg

CAMERA = {
    0x0132: "2024:05:06 07:08:09",
    0x013B: "Ada\0\0",
    0x011A: TiffImagePlugin.IFDRational(300, 1),
    0x011B: TiffImagePlugin.IFDRational(72, 1),
    0x0128: 2,
    0x0103: 6,
    0x010F: "Maker",
    0x0131: "Soft 1.0",
    0x0112: 1,
}


def read(path: Path, fill_metadata: bool = True) -> Picture | None:
    return read_picture(open_file(str(path)), fill_metadata)


def test_the_fields_of_a_camera_take_the_platform_s_keys(tmp_path: Path) -> None:
    picture = read(a_picture(tmp_path / "a.jpg", exif=CAMERA))

    assert picture == Picture(
        40,
        30,
        {
            "acquired_at": "2024-05-06T07:08:09",
            "acquired_by": "Ada",
            "resolution_x": 300.0,
            "resolution_y": 72.0,
            "resolution_unit": "inches",
            "compression": "JPEG (old-style)",
            "manufacturer": "Maker",
            "software": "Soft 1.0",
        },
    )


def test_exif_is_left_alone_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert read(a_picture(tmp_path / "a.jpg", exif=CAMERA), fill_metadata=False) == Picture(40, 30)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", ["jpg", "png", "tiff"])
def test_sideways_pictures_swap_width_and_height(tmp_path: Path, orientation: int, extension: str) -> None:
    path = a_picture(tmp_path / f"a.{extension}", exif={0x0112: orientation})

    picture = read(path, fill_metadata=False)

    assert picture == (Picture(30, 40) if orientation >= 5 else Picture(40, 30))


def test_a_large_picture_is_measured_from_its_place(tmp_path: Path) -> None:
    path = a_picture(tmp_path / "a.bmp", (700, 500))

    assert path.stat().st_size > WHOLE_BYTES
    assert read(path) == Picture(700, 500)


def test_what_is_no_picture_is_left_to_the_platform(tmp_path: Path) -> None:
    assert read(a_text_named_jpg(tmp_path / "a.jpg")) is None


def test_the_size_of_a_truncated_picture_is_still_read(tmp_path: Path) -> None:
    assert read(a_truncated_jpeg(tmp_path / "a.jpg")) == Picture(400, 300)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_broken_exif_block_does_not_cost_the_size(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (40, 30)).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f garbage")

    picture = read(path)

    assert picture is not None
    assert (picture.width, picture.height) == (40, 30)


def test_what_the_caller_says_wins_over_exif() -> None:
    assert merged({"software": "exif", "manufacturer": "exif"}, {"software": "mine", "weather": None}) == {
        "software": "mine",
        "manufacturer": "exif",
        "weather": None,
    }
