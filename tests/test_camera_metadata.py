"""`fill_metadata="full"`: place, true moment and camera.

The values are those of exiftool 12.57 (`exiftool -n -Composite:all`), unless a case says another source.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datalake_ops.platform.objects.probe import probe
from datalake_ops.upload.sources.image_metadata import read_picture
from datalake_ops.upload.sources.local import open_file
from datalake_ops.wire.camera_metadata import PHOTO_TAGS, PLACE_TAGS, camera_of, full_metadata
from tests.pictures.files import (
    ASCII,
    BYTE,
    RATIONAL,
    SHORT,
    UNDEFINED,
    Tag,
    a_photo,
    a_png,
    a_previewed_tiff,
    an_exif_block,
    rationals,
    saved,
    with_late_exif,
)

LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE, ALTITUDE_REF, ALTITUDE = range(1, 7)
SOUTH: list[Tag] = [(LATITUDE_REF, ASCII, b"S\0"), (LATITUDE, RATIONAL, rationals((33, 1), (51, 1), (3540, 100)))]
WEST: list[Tag] = [(LONGITUDE_REF, ASCII, b"W\0"), (LONGITUDE, RATIONAL, rationals((151, 1), (12, 1), (4000, 100)))]
HEIGHT: list[Tag] = [(ALTITUDE, RATIONAL, rationals((1234, 10)))]
SYDNEY = {"latitude": pytest.approx(-33.8598333333333), "longitude": pytest.approx(-151.211111111111)}
ORIGINAL, OFFSET, FRACTION = 0x9003, 0x9011, 0x9291
DIGITIZED, MODIFIED = 0x9004, 0x0132


def full_of(*main: Tag, exif: list[Tag] | None = None, gps: list[Tag] | None = None) -> dict[str, Any]:
    content = saved(a_photo(), "JPEG", exif=an_exif_block(*main, exif=exif or [], gps=gps or []))
    return probe(io.BytesIO(content), full=True).metadata


@pytest.mark.parametrize(
    ("gps", "metadata"),
    [
        (SOUTH + WEST, SYDNEY),
        ([*SOUTH, *WEST, *HEIGHT, (ALTITUDE_REF, BYTE, b"\0")], SYDNEY | {"altitude": 123.4}),
        ([*SOUTH, *WEST, *HEIGHT, (ALTITUDE_REF, BYTE, b"\1")], SYDNEY | {"altitude": -123.4}),
        ([*HEIGHT, (ALTITUDE_REF, ASCII, b"1\0")], {"altitude": -123.4}),
        # Above sea level is the default of the standard (EXIF 2.32, 4.6.6); exiftool tells no altitude then.
        (HEIGHT, {"altitude": 123.4}),
        ([SOUTH[1], *WEST], {}),
        (SOUTH, {}),
        # exiftool takes UNDEFINED for numbers, and so for the northern hemisphere.
        ([(LATITUDE_REF, UNDEFINED, b"S"), SOUTH[1], (LONGITUDE_REF, ASCII, b"west\0"), WEST[1]], SYDNEY),
        (
            [SOUTH[0], (LATITUDE, RATIONAL, rationals((33, 1), (5150, 100))), *WEST],
            SYDNEY | {"latitude": pytest.approx(-33.8583333333333)},
        ),
        ([SOUTH[0], (LATITUDE, RATIONAL, rationals((0, 0), (0, 0), (0, 0))), *WEST], {}),
        ([SOUTH[0], (LATITUDE, RATIONAL, rationals((33, 1), (51, 1), (0, 0))), *WEST], {}),
        ([SOUTH[0], (LATITUDE, RATIONAL, rationals((95, 1), (0, 1), (0, 1))), *WEST], {}),
        ([(LATITUDE_REF, ASCII, b"X\0"), SOUTH[1], *WEST], {}),
        ([(ALTITUDE, RATIONAL, rationals((0, 0)))], {}),
    ],
)
def test_a_place_has_its_signs_or_is_unknown(gps: list[Tag], metadata: dict[str, Any]) -> None:
    assert full_of(gps=gps) == metadata


@pytest.mark.parametrize(
    ("main", "exif", "moment"),
    [
        ([], [(ORIGINAL, ASCII, b"2024:05:06 07:08:09\0")], "2024-05-06T07:08:09"),
        (
            [(MODIFIED, ASCII, b"2025:01:01 00:00:00\0")],
            [(ORIGINAL, ASCII, b"2024:05:06 07:08:09\0"), (OFFSET, ASCII, b"+05:30\0"), (FRACTION, ASCII, b"123\0")],
            "2024-05-06T07:08:09.123+05:30",
        ),
        ([], [(ORIGINAL, ASCII, b"2024:05:06 07:08:09\0"), (OFFSET, ASCII, b"-08:00\0")], "2024-05-06T07:08:09-08:00"),
        ([], [(ORIGINAL, ASCII, b"2024:05:06 07:08:09\0"), (OFFSET, ASCII, b"Z\0")], "2024-05-06T07:08:09Z"),
        ([], [(ORIGINAL, ASCII, b"2024:05:06 07:08:09\0"), (OFFSET, ASCII, b"   :  \0")], "2024-05-06T07:08:09"),
        ([], [(ORIGINAL, ASCII, b"2024:05:06 07:08:09\0"), (OFFSET, ASCII, b"+25:00\0")], "2024-05-06T07:08:09"),
        ([], [(ORIGINAL, ASCII, b"2024:05:06 07:08:09\0"), (FRACTION, ASCII, b"   \0")], "2024-05-06T07:08:09"),
        (
            [],
            [(ORIGINAL, ASCII, b"0000:00:00 00:00:00\0"), (DIGITIZED, ASCII, b"2024:05:06 07:08:09 \0\0")],
            "2024-05-06T07:08:09",
        ),
        (
            [(MODIFIED, ASCII, b"2024:05:06 07:08:09\0")],
            [(ORIGINAL, ASCII, b"    :  :     :  :  \0"), (0x9010, ASCII, b"+01:00\0")],
            "2024-05-06T07:08:09+01:00",
        ),
        ([], [(ORIGINAL, ASCII, b"2024:05:06 07:08:09\0"), (OFFSET, ASCII, b"+0530\0")], "2024-05-06T07:08:09+05:30"),
        # Not EXIF's form, but only one moment: exiftool shows these texts as they are.
        ([], [(ORIGINAL, ASCII, b"2024:05:06 07:08:09.50\0")], "2024-05-06T07:08:09.5"),
        ([], [(ORIGINAL, ASCII, b"2024:05:06 07:08:09+02:00\0")], "2024-05-06T07:08:09+02:00"),
        ([], [(ORIGINAL, ASCII, b"2024:05:06 07:08:09.50-0330\0")], "2024-05-06T07:08:09.5-03:30"),
        ([], [(ORIGINAL, ASCII, b"2024:05:06 07:08:09Z\0"), (OFFSET, ASCII, b"+02:00\0")], "2024-05-06T07:08:09Z"),
        ([], [(ORIGINAL, ASCII, b"2024:05:06T07:08:09\0")], "2024-05-06T07:08:09"),
        ([], [(ORIGINAL, ASCII, b"2024-05-06 07:08:09\0"), (FRACTION, ASCII, b"25\0")], "2024-05-06T07:08:09.25"),
        ([(MODIFIED, ASCII, b"2024-05-06T07:08:09.25Z\0")], [], "2024-05-06T07:08:09.25Z"),
    ],
)
def test_the_moment_is_that_of_the_exposure_with_its_offset(main: list[Tag], exif: list[Tag], moment: str) -> None:
    assert full_of(*main, exif=exif) == {"acquired_at": moment}


@pytest.mark.parametrize(
    "original", [b"yesterday", b"2024:13:06 07:08:09", b"06.05.2024 07:08:09", b"2024:05-06 07:08:09", b"\xff\xff"]
)
def test_a_moment_that_cannot_be_read_is_unknown_and_not_that_of_the_last_change(original: bytes) -> None:
    changed: Tag = (MODIFIED, ASCII, b"2025:01:01 00:00:00\0")

    assert full_of(changed, exif=[(ORIGINAL, ASCII, original + b"\0")]) == {}
    assert full_of(changed, exif=[(DIGITIZED, ASCII, original + b"\0")]) == {}


def test_make_lens_and_optics_are_read() -> None:
    exif: list[Tag] = [
        (0x920A, RATIONAL, rationals((50, 1))),
        (0xA001, SHORT, b"\0\1"),
        (0xA434, ASCII, b"EF50mm f/1.8\0"),
    ]
    block = an_exif_block((0x010F, ASCII, b"Canon\0"), (0x0110, ASCII, b"EOS 5D \0"), exif=exif)

    found = probe(io.BytesIO(saved(a_photo(), "JPEG", exif=block)), full=True)

    assert found.metadata == {"manufacturer": "Canon", "focal_length": 50.0, "color_space": "sRGB"}
    assert found.custom_metadata == {"camera_model": "EOS 5D", "camera_lens": "EF50mm f/1.8"}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF", "JXL"])
def test_every_container_has_its_exif(kind: str, tmp_path: Path) -> None:
    block = an_exif_block(
        (0x010F, ASCII, b"Canon\0"), exif=[(ORIGINAL, ASCII, b"2024:05:06 07:08:09\0")], gps=SOUTH + WEST
    )
    path = tmp_path / "a"
    path.write_bytes(saved(a_photo(), kind, exif=block))

    client = read_picture(open_file(str(path)), "full")
    with path.open("rb") as file:
        platform = probe(file, full=True)

    assert client is not None
    assert client.metadata == platform.metadata
    more = {"compression": "Uncompressed"} if kind == "TIFF" else {}
    told = {key: value for key, value in platform.metadata.items() if not key.startswith("resolution")}
    assert told == {"manufacturer": "Canon", "acquired_at": "2024-05-06T07:08:09", **SYDNEY, **more}


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_behind_its_preview_has_the_cameras_tags_and_its_own_orientation(orientation: int) -> None:
    first: list[Any] = [(0x010F, 2, 0, "Canon", True), (0x0112, 3, 1, orientation, True)]

    found = probe(io.BytesIO(a_previewed_tiff(subfiletype=1, extratags=first)), full=True)

    assert (found.width, found.height) == (64, 48)
    assert found.metadata["manufacturer"] == "Canon"


def test_a_png_may_have_its_exif_behind_the_pixels(tmp_path: Path) -> None:
    block = an_exif_block((0x0112, SHORT, b"\0\6"), (0x010F, ASCII, b"Canon\0"))
    content = with_late_exif(saved(a_photo(), "PNG"), block)
    (tmp_path / "a.png").write_bytes(content)

    client, platform = read_picture(open_file(str(tmp_path / "a.png")), True), probe(io.BytesIO(content))

    assert client is not None
    assert (client.width, client.height) == (platform.width, platform.height) == (48, 64)
    assert client.metadata == platform.metadata == {"manufacturer": "Canon"}


def test_a_png_is_measured_by_its_header_alone(tmp_path: Path) -> None:
    header = b"\0\0\x0f\xa0\0\0\x0b\xb8\x08\2\0\0\0"  # 4000 x 3000, and no pixel that could be decoded
    (tmp_path / "a.png").write_bytes(a_png((b"IHDR", header), (b"IDAT", b"no pixels")))

    picture = read_picture(open_file(str(tmp_path / "a.png")), True)

    assert picture is not None
    assert (picture.width, picture.height) == (4000, 3000)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_orientation_that_only_xmp_has_turns_the_picture_everywhere(kind: str, tmp_path: Path) -> None:
    # exiftool 12.57 tells Orientation 6, and Pillow 13.0 turns, as does the official SDK; libvips 8.14 does not.
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    options: dict[str, Any] = {"xmp": packet}
    if kind == "PNG":
        from PIL.PngImagePlugin import PngInfo

        options = {"pnginfo": PngInfo()}
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", packet.decode())
    if kind == "TIFF":
        options = {"tiffinfo": {700: packet}}
    (tmp_path / "a").write_bytes(saved(a_photo(), kind, **options))

    client = read_picture(open_file(str(tmp_path / "a")), False)
    with (tmp_path / "a").open("rb") as file:
        platform = probe(file)

    assert client is not None
    assert (client.width, client.height) == (platform.width, platform.height) == (48, 64)


@pytest.mark.filterwarnings("ignore:Truncated File Read")
def test_one_odd_value_of_a_directory_does_not_lose_the_others() -> None:
    # A RATIONAL that lies behind the end of the block.
    block = bytearray(
        an_exif_block(exif=[(ORIGINAL, ASCII, b"2024:05:06 07:08:09\0"), (0x920A, RATIONAL, rationals((50, 1)))])
    )
    at = block.index(b"\x92\x0a\x00\x05")
    block[at + 8 : at + 12] = b"\x00\xff\xff\xff"

    assert probe(io.BytesIO(saved(a_photo(), "JPEG", exif=bytes(block))), full=True).metadata == {
        "acquired_at": "2024-05-06T07:08:09"
    }


_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.tuples(st.floats())


# A machine that is busy takes seconds for the first input.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.dictionaries(st.sampled_from((0x010F, 0x0110, MODIFIED)), _VALUES),
    st.dictionaries(st.sampled_from(PHOTO_TAGS), _VALUES),
    st.dictionaries(st.sampled_from(PLACE_TAGS), _VALUES | st.tuples(st.floats(), st.floats(), st.floats())),
)
def test_any_tags_become_json_or_nothing(main: dict[int, Any], photo: dict[int, Any], place: dict[int, Any]) -> None:
    found = full_metadata(main, photo, place)

    json.dumps([found, camera_of(main, photo)], allow_nan=False)
    assert ("latitude" in found) == ("longitude" in found)
