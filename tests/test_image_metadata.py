"""EXIF is read by one set of rules: the client before an upload and the platform on an import say the same."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from datalake_ops.platform.objects.probe import probe
from datalake_ops.processings.pictures import open_picture
from datalake_ops.upload.sources.image_metadata import read_picture
from datalake_ops.upload.sources.local import open_file
from datalake_ops.wire.image_metadata import EXIF_TAGS, metadata_from_exif, orientation_from_exif

BYTE, ASCII, SHORT, RATIONAL, UNDEFINED = 1, 2, 3, 5, 7
_UNIT_BYTES = {BYTE: 1, ASCII: 1, SHORT: 2, RATIONAL: 8, UNDEFINED: 1}
ORIENTATION, MAKE, DATE_TIME, ARTIST, SOFTWARE, UNIT = 0x0112, 0x010F, 0x0132, 0x013B, 0x0131, 0x0128
Tag = tuple[int, int, bytes]


def an_exif_block(*tags: Tag) -> bytes:
    """A big-endian EXIF block with exactly these bytes: (tag, type, value)."""
    directory = struct.pack(">H", len(tags))
    behind = b""
    start = 8 + 2 + 12 * len(tags) + 4
    for tag, kind, value in sorted(tags):
        place = value.ljust(4, b"\0")
        if len(value) > 4:
            place = struct.pack(">I", start + len(behind))
            behind += value
        directory += struct.pack(">HHI", tag, kind, len(value) // _UNIT_BYTES[kind]) + place
    return b"Exif\0\0MM\0*\0\0\0\x08" + directory + bytes(4) + behind


def read_by_all(folder: Path, kind: str, *tags: Tag) -> tuple[tuple[int, int], dict[str, Any]]:
    """Size and metadata that client and platform read, and processings show: they must be the same."""
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(file, kind, exif=an_exif_block(*tags))
    path = folder / f"a.{kind.lower()}"
    path.write_bytes(file.getvalue())
    client, platform = read_picture(open_file(str(path)), fill_metadata=True), probe(file)
    assert client is not None
    assert (client.width, client.height) == (platform.width, platform.height) == open_picture(path).size
    assert client.metadata == platform.metadata
    return (client.width, client.height), platform.metadata


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("tags", "metadata"),
    [
        ([(ARTIST, ASCII, b"Ada\0Grace\0")], {"acquired_by": "Ada"}),
        ([(MAKE, ASCII, b"Canon   \0")], {"manufacturer": "Canon"}),
        ([(MAKE, ASCII, b"     \0"), (SOFTWARE, ASCII, b"x 1\0")], {"software": "x 1"}),
        ([(MAKE, UNDEFINED, b"Canon\0")], {"manufacturer": "Canon"}),
        ([(MAKE, BYTE, b"Canon\0")], {"manufacturer": "Canon"}),
        ([(ARTIST, ASCII, "Zoë Čapek\0".encode())], {"acquired_by": "Zoë Čapek"}),
        ([(ARTIST, ASCII, b"Zo\xeb\0")], {"acquired_by": "Zoë"}),
        ([(SOFTWARE, ASCII, b"s" * 200 + b"\0")], {"software": "s" * 128}),
        ([(DATE_TIME, ASCII, b"2024:05:06 07:08:09\0")], {"acquired_at": "2024-05-06T07:08:09"}),
        ([(DATE_TIME, ASCII, b"2024:05:06 07:08:09 \0\0")], {"acquired_at": "2024-05-06T07:08:09"}),
        ([(DATE_TIME, UNDEFINED, b"2024:05:06 07:08:09\0")], {"acquired_at": "2024-05-06T07:08:09"}),
        ([(DATE_TIME, ASCII, b"0000:00:00 00:00:00\0")], {}),
        ([(UNIT, BYTE, b"\x02")], {"resolution_unit": "inches"}),
        ([(UNIT, RATIONAL, struct.pack(">II", 3, 1))], {"resolution_unit": "cm"}),
    ],
)
def test_a_value_of_a_camera_means_one_thing_to_client_and_platform(
    tmp_path: Path, kind: str, tags: list[Tag], metadata: dict[str, Any]
) -> None:
    assert read_by_all(tmp_path, kind, *tags) == ((40, 30), metadata)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "size"),
    [
        ((SHORT, b"\0\x06"), (30, 40)),
        # exiftool 12.57 and libvips 8.18 turn by it.
        ((BYTE, b"\x06"), (30, 40)),
        ((BYTE, b"\x09"), (40, 30)),
        ((UNDEFINED, b"6 \0"), (40, 30)),
        ((ASCII, b"left\0"), (40, 30)),
        ((RATIONAL, struct.pack(">II", 1, 0)), (40, 30)),
    ],
)
def test_an_odd_orientation_does_not_lose_the_other_tags(
    tmp_path: Path, kind: str, orientation: tuple[int, bytes], size: tuple[int, int]
) -> None:
    found = read_by_all(tmp_path, kind, (ORIENTATION, *orientation), (MAKE, ASCII, b"Canon\0"))

    assert found == (size, {"manufacturer": "Canon"})


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (DATE_TIME, "yesterday"),
        (DATE_TIME, 5),
        (ARTIST, "\0"),
        (ARTIST, ("a", "b")),
        (0x011A, 0),
        (0x011A, TiffImagePlugin.IFDRational(0, 0)),
        (0x011A, (1, 2)),
        (UNIT, 9),
        (0x0103, 77),
    ],
)
def test_values_without_a_meaning_are_left_out(tag: int, value: Any) -> None:
    assert metadata_from_exif({tag: value}) == {}


def test_units_and_compressions_that_are_text_stay_as_they_are() -> None:
    assert metadata_from_exif({UNIT: "cm\0", 0x0103: "own"}) == {"resolution_unit": "cm", "compression": "own"}


def test_text_that_a_decoder_read_as_unicode_stays_as_it_is() -> None:
    assert metadata_from_exif({ARTIST: "Čapek\0x"}) == {"acquired_by": "Čapek"}


# A machine that is busy takes seconds for the first input.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(EXIF_TAGS),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.tuples(st.integers()),
    )
)
def test_any_block_becomes_json_or_nothing(block: dict[int, Any]) -> None:
    json.dumps(metadata_from_exif(block), allow_nan=False)
    assert 1 <= orientation_from_exif(block) <= 8
