"""Copies of pictures that the console shows: they are what the processing `thumbnails` makes, or refused as by it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from datalake_ops.pictures.inspection import UnreadablePictureError
from datalake_ops.platform.objects.probe_pool import ProbePool
from datalake_ops.processings.thumbnails import ThumbnailParameters, _save_small
from tests.pictures.corpus import COLOURS, DAMAGED, ORIENTATIONS, PAGES, UNREAD
from tests.pictures.files import WHITE_OF_12_BITS, a_photo, a_tiff, grey_pixels, saved
from tests.processings.profiles import a_cmyk_profile, a_grey_profile, an_rgb_profile

# The JPEG quality of a copy, so that the same pixels become the same file.
THUMBNAIL = ThumbnailParameters(max_side=320, quality=82)
# Levels of 255, on the mean of all pixels.
TOLERANCE, LOSS_OF_JPEG = 0.5, 5.0
LARGE_FAX = "plan-of-94-megapixels.tif"


def a_planar_tiff() -> bytes:
    planes = np.asarray(a_photo(), dtype=np.uint16).transpose(2, 0, 1) * 257
    return a_tiff((planes, {"photometric": "rgb", "planarconfig": "separate"}))


def a_drawing() -> bytes:
    """White ink on nothing, which white behind it would hide."""
    drawing = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    drawing.paste("white", (100, 100, 200, 200))
    return saved(drawing, "PNG")


ODD: dict[str, Callable[[], bytes]] = {
    "big-endian-float": lambda: a_tiff((grey_pixels("float32", 1 / 255), {"compression": "zlib"}), byteorder=">"),
    "big-endian-16-bits": lambda: a_tiff((grey_pixels("uint16", 257), {"compression": "zlib"}), byteorder=">"),
    "deflated-colours-of-16-bits": lambda: a_tiff(
        (np.asarray(a_photo(), dtype=np.uint16) * 257, {"photometric": "rgb", "compression": "zlib"})
    ),
    "white-is-zero": lambda: a_tiff((255 - grey_pixels("uint8"), {"photometric": "miniswhite"})),
    "float-with-nan": lambda: a_tiff((np.where(np.eye(48, 64) > 0, np.nan, grey_pixels("float32", 1 / 255)), {})),
    "wide-gamut": lambda: saved(a_photo(), "PNG", icc_profile=an_rgb_profile()),
    "grey-of-another-gamma": lambda: saved(a_photo("L"), "PNG", icc_profile=a_grey_profile(1.0)),
    "inks-with-a-profile": lambda: saved(a_photo("CMYK"), "JPEG", icc_profile=a_cmyk_profile()),
    "white-drawing": a_drawing,
    "reduced-by-the-decoder": lambda: saved(a_photo(size=(2400, 1600)), "JPEG"),
    "reduced-and-deep": lambda: saved(a_photo("I;16", (1200, 900)), "PNG"),
}
MADE = {
    **{one.name: one.make for one in (*COLOURS, *ORIENTATIONS, *PAGES) if one.name != LARGE_FAX},
    **ODD,
}
REFUSED: dict[str, Callable[[], bytes]] = {
    "deep-jpeg-2000": lambda: WHITE_OF_12_BITS,
    "planes-of-16-bits": a_planar_tiff,
    **{one.name: one.make for one in (DAMAGED[0], DAMAGED[4], UNREAD[0])},
}


@pytest.fixture(scope="module")
def pool() -> Iterator[ProbePool]:
    one = ProbePool(1)
    yield one
    one.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "picture"


def a_copy(pool: ProbePool, path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return pool.copy(file)


def levels(content: bytes) -> NDArray[np.float64]:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=np.float64)


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_a_copy_shows_what_a_thumbnail_shows(pool: ProbePool, path: Path, make: Callable[[], bytes]) -> None:
    path.write_bytes(make())
    thumbnail, _ = _save_small(THUMBNAIL, path)

    copy = levels(base64.b64decode(a_copy(pool, path)["jpeg"]))

    expected = levels(thumbnail.read_bytes())
    assert copy.shape == expected.shape
    assert np.abs(copy - expected).mean() < TOLERANCE


@pytest.mark.parametrize("name", ["big-endian-float", "big-endian-16-bits", "white-is-zero", "tiff-negative-16.tif"])
def test_a_copy_of_a_deep_or_inverted_picture_has_the_levels_of_its_twin(
    pool: ProbePool, path: Path, name: str
) -> None:
    path.write_bytes(MADE[name]())

    copy = levels(base64.b64decode(a_copy(pool, path)["jpeg"]))

    assert np.abs(copy[..., 0] - np.asarray(a_photo("L"))).mean() < LOSS_OF_JPEG


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_a_copy_is_refused_for_the_reason_of_the_thumbnail(
    pool: ProbePool, path: Path, make: Callable[[], bytes]
) -> None:
    path.write_bytes(make())

    answer = a_copy(pool, path)

    with pytest.raises(UnreadablePictureError) as refused:
        _save_small(THUMBNAIL, path)
    assert answer["reason"] == str(refused.value)
