"""Exposure of pictures of every depth: judged on the scale that the file tells, by those pixels that are some."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from datalake_ops.pictures.decoding.sample_format import ValueScale
from datalake_ops.processings.luma import LumaPicture, open_luma
from datalake_ops.processings.pictures import UnreadablePictureError, open_picture
from datalake_ops.processings.quality import SIDE, Quality, QualityParameters, measure_quality
from tests.pictures.files import WHITE_OF_12_BITS, a_png, a_tiff, saved
from tests.platform.images import a_picture

Pixels = NDArray[Any]
GREY = np.asarray(a_picture(320, 240, seed=8).convert("L"))
COLOURS = np.asarray(a_picture(320, 240, seed=8))
S_MIN, S_MAX, NODATA = 340, 341, 42113


def deep_png(values: Pixels, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of 16 bits with 1 to 4 channels."""
    planes = values.reshape(*values.shape[:2], -1)
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[planes.shape[2]]
    head = struct.pack(">IIBBBBB", planes.shape[1], planes.shape[0], 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in planes)
    return a_png((b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows, 1)))


def grey_tiff(values: Pixels, *tags: tuple[int, int, int, Any, bool], **options: Any) -> bytes:
    return a_tiff((values, {"extratags": list(tags), **options}))


def real(tag: int, value: float) -> tuple[int, int, int, Any, bool]:
    """A TIFF tag of the type FLOAT."""
    return tag, 11, 1, value, True


def nodata(value: str) -> tuple[int, int, int, Any, bool]:
    return NODATA, 2, 0, value, True


def changed(values: Pixels, place: tuple[int, int], value: float) -> Pixels:
    """The same values, one of them replaced."""
    copy = values.copy()
    copy[place] = value
    return copy


class Look:
    """A look at the bytes of a picture, as the processings take it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def luma(self, content: bytes, value_range: tuple[float, float] | None = None) -> LumaPicture:
        self._path.write_bytes(content)
        return open_luma(self._path, SIDE, ValueScale(*value_range) if value_range else None)

    def quality(self, content: bytes, value_range: tuple[float, float] | None = None) -> Quality:
        picture = self.luma(content, value_range)
        return measure_quality(picture, *picture.size)

    def shown(self, content: bytes) -> Image.Image:
        self._path.write_bytes(content)
        return open_picture(self._path)


@pytest.fixture
def look(tmp_path: Path) -> Look:
    return Look(tmp_path / "picture")


DEEP = GREY.astype(np.uint16) * 257
FLOAT = GREY.astype(np.float32) / 255


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(deep_png(DEEP), id="png"),
        pytest.param(deep_png(DEEP, (b"sBIT", b"\x0c")), id="png-sbit-scaled-up"),
        pytest.param(deep_png(GREY.astype(np.uint16) << 4 | GREY >> 4, (b"sBIT", b"\x0c")), id="png-sbit-as-it-was"),
        pytest.param(grey_tiff(DEEP), id="tiff"),
        pytest.param(grey_tiff(DEEP, compression="zlib"), id="tiff-deflated"),
        pytest.param(grey_tiff(65535 - DEEP, photometric="miniswhite"), id="tiff-white-is-zero"),
        pytest.param(grey_tiff(FLOAT), id="tiff-float"),
        pytest.param(grey_tiff(1 - FLOAT, photometric="miniswhite"), id="tiff-float-white-is-zero"),
        pytest.param(grey_tiff(GREY.astype(np.uint16) * 4, real(S_MAX, 1020.0)), id="tiff-told-maximum"),
        pytest.param(
            grey_tiff(GREY.astype(np.int16) - 128, real(S_MIN, -128.0), real(S_MAX, 127.0)), id="tiff-told-signed"
        ),
        pytest.param(grey_tiff(GREY.astype(np.uint32) << 24, real(S_MAX, 255.0 * 2**24)), id="tiff-told-32-bits"),
        pytest.param(grey_tiff(GREY // 2, real(S_MAX, 127.5)), id="tiff-told-8-bits"),
    ],
)
def test_a_deep_picture_gets_the_verdict_of_its_twin_of_8_bits(look: Look, content: bytes) -> None:
    twin = look.quality(saved(Image.fromarray(GREY), "PNG"))

    deep = look.quality(content)

    # One of the files has lost every other grey level.
    assert deep.brightness == pytest.approx(twin.brightness, abs=0.6)
    assert deep.sharpness == pytest.approx(twin.sharpness, abs=0.6)


@pytest.mark.parametrize("shape", ["png-rgb", "png-rgba", "png-grey-alpha", "tiff-rgb"])
def test_the_verdict_does_not_depend_on_the_number_of_channels(look: Look, shape: str) -> None:
    opaque = np.full((*GREY.shape, 1), 255, dtype=np.uint8)
    grey, rgb = GREY[..., None], COLOURS
    eight = {
        "png-rgb": rgb,
        "tiff-rgb": rgb,
        "png-rgba": np.concatenate([rgb, opaque], axis=2),
        "png-grey-alpha": np.concatenate([grey, opaque], axis=2),
    }[shape]
    deep = eight.astype(np.uint16) * 257

    twin = look.quality(saved(Image.fromarray(eight), "PNG"))
    found = look.quality(a_tiff((deep, {"photometric": "rgb"})) if shape == "tiff-rgb" else deep_png(deep))

    assert found == twin


def test_the_low_bytes_of_colours_count(look: Look) -> None:
    # Twelve bits in sixteen: the high bytes alone have sixteen levels.
    twelve = COLOURS.astype(np.uint16) << 4 | COLOURS >> 4

    found = look.quality(a_tiff((twelve, {"photometric": "rgb", "extratags": [real(S_MAX, 4095.0)]})))

    assert found == look.quality(saved(Image.fromarray(COLOURS), "PNG"))


class TestPixels:
    """One odd pixel is no reason to change the verdict on all others."""

    @pytest.mark.parametrize(
        ("values", "tags"),
        [
            pytest.param(changed(DEEP // 2, (3, 4), 65535), (), id="hot-pixel"),
            pytest.param(changed(FLOAT / 2, (3, 4), np.nan), (), id="nan"),
            pytest.param(changed(FLOAT / 2, (3, 4), np.inf), (), id="infinite"),
            pytest.param(changed(FLOAT / 2, (3, 4), -9999.0), (nodata("-9999"),), id="nodata"),
            pytest.param(changed(DEEP // 2, (3, 4), 65535), (nodata("65535 "),), id="nodata-16-bits"),
        ],
    )
    def test_one_odd_pixel(self, look: Look, values: Pixels, tags: tuple[Any, ...]) -> None:
        twin = look.quality(saved(Image.fromarray(GREY // 2), "PNG"))

        found = look.quality(grey_tiff(values, *tags))

        assert found.tags(QualityParameters(min_side=0)) == []
        assert found.brightness == pytest.approx(twin.brightness, abs=0.6)
        assert found.sharpness == pytest.approx(twin.sharpness, abs=1.0)
        shown = np.asarray(look.shown(grey_tiff(values, *tags)).convert("L"))
        assert float(np.median(shown)) == pytest.approx(float(np.median(GREY // 2)), abs=1)

    def test_what_has_no_data_is_no_part_of_the_picture(self, look: Look) -> None:
        values = FLOAT.copy()
        values[:, :200] = -9999.0

        found = look.quality(grey_tiff(values, nodata("-9999")))

        assert found.brightness == pytest.approx(float(GREY[:, 200:].mean()), abs=0.5)
        assert found.sharpness == pytest.approx(look.quality(saved(Image.fromarray(GREY[:, 200:]), "PNG")).sharpness)

    @pytest.mark.parametrize(
        "told",
        ["-3.4028234663852886e+38", "-3.40282346638529e+38", "-3.402823466e+38", "-3.40282347e+38", "-3.40283e+38"],
    )
    def test_the_lowest_float_is_nodata_in_any_number_of_digits(self, look: Look, told: str) -> None:
        values = FLOAT.copy()
        values[:, :200] = np.finfo(np.float32).min

        found = look.quality(grey_tiff(values, nodata(told)))

        assert found.brightness == pytest.approx(float(GREY[:, 200:].mean()), abs=0.5)

    def test_a_fraction_is_no_nodata_of_whole_numbers(self, look: Look) -> None:
        values = GREY.copy()
        values[:, :200] = 0

        found = look.quality(grey_tiff(values, nodata("0.5")))

        assert found.brightness == pytest.approx(float(values.mean()), abs=0.5)

    def test_nodata_counts_in_8_bits_too(self, look: Look) -> None:
        values = GREY.copy()
        values[:, :200] = 0

        found = look.quality(grey_tiff(values, nodata("0")))

        assert found.brightness == pytest.approx(float(GREY[:, 200:].mean()), abs=0.5)

    def test_a_picture_without_any_data_has_no_exposure(self, look: Look) -> None:
        found = look.luma(grey_tiff(np.full((300, 300), np.nan, dtype=np.float32)))

        assert found.unknown_exposure == "no pixel has data"
        assert measure_quality(found, 300, 300).tags(QualityParameters()) == []

    def test_a_transparent_grey_of_16_bits_is_no_pixel(self, look: Look) -> None:
        values = DEEP.copy()
        values[:, :200] = 77

        found = look.quality(deep_png(values, (b"tRNS", struct.pack(">H", 77))))

        assert found.brightness == pytest.approx(float(GREY[:, 200:].mean()), abs=0.5)


class TestScales:
    """What the file does not tell is not invented."""

    def test_two_percent_of_the_full_scale_are_dark(self, look: Look) -> None:
        found = look.quality(deep_png((DEEP * 0.02).astype(np.uint16)))

        assert "dark" in found.tags(QualityParameters())

    def test_a_dark_picture_that_was_scaled_up_is_no_bright_one_of_few_bits(self, look: Look) -> None:
        # Twelve bits scaled to sixteen, the low four of which are copies of the high ones: zeros.
        dark = (GREY.astype(np.uint16) >> 1) << 4

        found = look.quality(deep_png(dark, (b"sBIT", b"\x0c")))

        assert dark.max() < 4096
        assert "dark" in found.tags(QualityParameters())

    def test_twelve_bits_without_a_word_are_judged_on_sixteen_and_the_log_tells_it(self, look: Look) -> None:
        twelve = GREY.astype(np.uint16) << 4

        found = look.luma(grey_tiff(twelve))

        assert measure_quality(found, 320, 240).tags(QualityParameters(min_side=0)) == ["dark"]
        assert found.note == (
            f"its 16-bit unsigned samples are {twelve.min()} to {twelve.max()}, judged on 0 to 65535; "
            "value_range tells another scale"
        )

    def test_a_value_range_is_the_scale_of_deep_pictures(self, look: Look) -> None:
        twin = look.quality(saved(Image.fromarray(GREY), "PNG"))

        found = look.quality(grey_tiff(GREY.astype(np.uint16) << 4), (0, 4080))

        assert found == twin
        # Pictures of 8 bits have their scale.
        assert look.quality(saved(Image.fromarray(GREY), "PNG"), (0, 4080)) == twin

    @pytest.mark.parametrize(
        ("values", "kind"),
        [
            (FLOAT * 1000, "32-bit float"),
            (GREY.astype(np.uint32) << 24, "32-bit unsigned"),
            (GREY.astype(np.int32) * 1000, "32-bit signed"),
            (GREY.astype(np.int16), "16-bit signed"),
        ],
    )
    def test_without_a_scale_there_is_no_exposure_tag_and_the_log_says_why(
        self, look: Look, values: Pixels, kind: str
    ) -> None:
        found = look.luma(grey_tiff(values))

        quality = measure_quality(found, 320, 240)
        assert quality.brightness is None
        assert quality.tags(QualityParameters(min_side=0)) == []
        assert found.unknown_exposure.startswith(f"its {kind} samples are ")
        assert "the file tells no scale" in found.unknown_exposure

    def test_32_bits_are_unsigned_where_the_file_says_so(self, look: Look) -> None:
        shown = np.asarray(look.shown(grey_tiff(GREY.astype(np.uint32) << 24)).convert("L"), dtype=int)

        assert np.corrcoef(shown.ravel(), GREY.ravel())[0, 1] > 0.95

    def test_signed_bytes_are_signed(self, look: Look) -> None:
        shown = np.asarray(look.shown(grey_tiff((GREY.astype(int) - 128).astype(np.int8))).convert("L"), dtype=int)

        assert np.corrcoef(shown.ravel(), GREY.ravel())[0, 1] > 0.95

    @pytest.mark.parametrize("compression", [None, "zlib"])
    @pytest.mark.parametrize("kind", ["float32", "int16", "int32"])
    def test_big_endian_samples_are_those_of_their_little_endian_twin(
        self, look: Look, kind: str, compression: str | None
    ) -> None:
        values = (GREY / 255 * (1 if kind == "float32" else np.iinfo(kind).max)).astype(kind)
        page = values, {"compression": compression}

        little, big = (np.asarray(look.shown(a_tiff(page, byteorder=order))) for order in "<>")

        assert np.array_equal(little, big)

    @pytest.mark.parametrize("photometric", ["rgb", "separated"])
    def test_planes_of_16_bits_are_refused_and_not_misread(self, look: Look, photometric: str) -> None:
        channels = COLOURS if photometric == "rgb" else np.dstack([255 - COLOURS, np.zeros_like(GREY)])
        planes = (channels.astype(np.uint16) * 257).transpose(2, 0, 1)

        with pytest.raises(UnreadablePictureError, match="separate planes"):
            look.luma(a_tiff((planes, {"photometric": photometric, "planarconfig": "separate"})))

    def test_deep_colours_of_a_jpeg_2000_are_refused_and_not_misread(self, look: Look) -> None:
        with pytest.raises(UnreadablePictureError, match="more than 8 bits in a JPEG 2000"):
            look.luma(WHITE_OF_12_BITS)

    def test_eight_bits_of_a_jpeg_2000_are_read(self, look: Look) -> None:
        shown = look.shown(saved(Image.new("RGB", (64, 48), "white"), "JPEG2000"))

        assert shown.getpixel((5, 5)) == (255, 255, 255)


class TestShown:
    """Deep pictures are shown so that they can be seen."""

    def test_a_picture_that_uses_little_of_its_scale_is_spread_by_percentiles(self, look: Look) -> None:
        ramp = np.linspace(1000, 3000, 101).astype(np.uint16)[None, :].repeat(50, axis=0)

        shown = np.asarray(look.shown(deep_png(changed(ramp, (0, 0), 65535))).convert("L"))[10]

        # The 2nd percentile is black, the 98th white.
        assert (shown[2], shown[98]) == (0, 255)
        assert shown[50] == pytest.approx(127.5, abs=1)

    def test_a_picture_that_uses_its_scale_is_shown_on_it(self, look: Look) -> None:
        shown = look.shown(deep_png(COLOURS.astype(np.uint16) * 257))

        assert np.array_equal(np.asarray(shown), COLOURS)

    def test_colours_are_spread_together(self, look: Look) -> None:
        dim = deep_png(COLOURS.astype(np.uint16) * 8)

        shown = np.asarray(look.shown(dim), dtype=float)

        red, green, blue = (
            np.corrcoef(shown[..., band].ravel(), COLOURS[..., band].ravel())[0, 1] for band in range(3)
        )
        assert min(red, green, blue) > 0.95
        assert (
            np.abs((shown - shown.mean()).mean(axis=(0, 1)) - (COLOURS - COLOURS.mean()).mean(axis=(0, 1))).max() < 20
        )
