"""Pictures as they are shown and compared: upright, in their colours, on a page, within the memory there is."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from datalake_ops.pictures.decoding import geometry, opening
from datalake_ops.pictures.decoding.memory import DECODING_BYTES, MemoryBudget, TooLargeError, decoded_bytes
from datalake_ops.pictures.decoding.opening import opener
from datalake_ops.pictures.display import small_copy
from datalake_ops.processings import luma
from datalake_ops.processings.luma import open_luma
from datalake_ops.processings.pictures import UnreadablePictureError, open_picture
from datalake_ops.processings.quality import SIDE, QualityParameters, measure_quality
from tests.pictures.files import a_gif_cut_behind, a_photo, a_tiff, saved
from tests.platform.images import a_picture, as_bytes
from tests.processings.profiles import a_cmyk_profile, a_grey_profile, an_rgb_profile

Colour = tuple[int, ...]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "picture"


def middle(path: Path) -> Colour:
    """The colour of a picture of one colour, as it is shown."""
    shown = open_picture(path, 16)
    found = shown.getpixel((shown.width // 2, shown.height // 2))
    assert isinstance(found, tuple)
    return found


def mean_luma(path: Path) -> float:
    return float(open_luma(path, SIDE).luma.mean())


@pytest.mark.parametrize("more", [0, 5], ids=["between-frames", "in-a-control-block"])
def test_a_gif_that_is_cut_behind_its_first_frame_is_refused(path: Path, more: int) -> None:
    path.write_bytes(a_gif_cut_behind(1, more))

    with pytest.raises(UnreadablePictureError, match="cut short"):
        open_picture(path)


class TestOrientation:
    def test_a_picture_is_opened_upright(self, path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        path.write_bytes(as_bytes(a_picture(320, 200), "JPEG", exif=exif))

        assert open_picture(path).size == (200, 320)
        assert open_luma(path, SIDE).size == (200, 320)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_a_deep_tiff_is_turned_as_its_twin_of_8_bits(self, path: Path, orientation: int) -> None:
        grey = np.asarray(a_photo("L"))
        tag = (274, 3, 1, orientation, True)

        path.write_bytes(a_tiff((grey, {"extratags": [tag]})))
        shallow = open_luma(path, SIDE).luma
        path.write_bytes(a_tiff((grey.astype(np.uint16) * 257, {"extratags": [tag]})))

        assert np.array_equal(open_luma(path, SIDE).luma, shallow)


class TestTransparency:
    def test_a_cut_out_is_judged_by_what_is_left_of_it(self, path: Path) -> None:
        picture = a_picture(640, 480).convert("L").point(lambda value: value * 110 // 128)
        cut_out = picture.convert("RGBA")
        alpha = Image.new("L", picture.size, 0)
        alpha.paste(255, (200, 150, 440, 330))
        cut_out.putalpha(alpha)
        path.write_bytes(saved(cut_out, "PNG"))

        quality = measure_quality(open_luma(path, SIDE), 640, 480)

        inside = np.asarray(picture)[150:330, 200:440]
        assert quality.tags(QualityParameters()) == []
        assert quality.brightness == pytest.approx(float(inside.mean()), abs=1)

    def test_an_opaque_picture_is_judged_alike_with_alpha_and_without(self, path: Path) -> None:
        path.write_bytes(saved(a_picture(), "PNG"))
        without = measure_quality(open_luma(path, SIDE), 320, 240)
        path.write_bytes(saved(a_picture().convert("RGBA"), "PNG"))

        assert measure_quality(open_luma(path, SIDE), 320, 240) == without

    def test_what_is_transparent_altogether_gets_no_tag(self, path: Path) -> None:
        path.write_bytes(saved(Image.new("RGBA", (300, 300), (0, 0, 0, 0)), "PNG"))

        assert measure_quality(open_luma(path, SIDE), 300, 300).tags(QualityParameters()) == []
        assert middle(path) == (255, 255, 255)

    @pytest.mark.parametrize(
        ("ink", "page"), [("black", (255, 255, 255)), ("white", (0, 0, 0)), ("#c03030", (255, 255, 255))]
    )
    def test_the_page_behind_a_drawing_is_one_on_which_it_shows(self, path: Path, ink: str, page: Colour) -> None:
        drawing = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
        drawing.paste(ink, (100, 100, 200, 200))
        path.write_bytes(saved(drawing, "PNG"))

        assert open_picture(path).getpixel((20, 20)) == page

    def test_black_and_white_ink_show_on_grey(self, path: Path) -> None:
        drawing = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
        drawing.paste("white", (50, 100, 150, 200))
        drawing.paste("black", (150, 100, 250, 200))
        path.write_bytes(saved(drawing, "PNG"))

        assert open_picture(path).getpixel((20, 20)) == (128, 128, 128)

    def test_a_transparent_colour_of_a_palette_is_transparent(self, path: Path) -> None:
        picture = Image.new("P", (300, 300), 0)
        picture.putpalette([255, 255, 255, 90, 90, 90])
        picture.paste(1, (100, 100, 200, 200))
        path.write_bytes(saved(picture, "PNG", transparency=0))

        assert measure_quality(open_luma(path, SIDE), 300, 300).brightness == pytest.approx(90, abs=1)


class TestColours:
    """Values of LittleCMS 2.19 by way of libvips 8.18.7, `icc_transform("srgb", embedded=True)`, intent relative."""

    @pytest.mark.parametrize(
        ("colour", "expected"),
        [((200, 40, 40), (233, 35, 35)), ((40, 200, 40), (0, 201, 0)), ((220, 200, 180), (228, 201, 181))],
    )
    def test_a_wide_gamut_is_shown_in_srgb(self, path: Path, colour: Colour, expected: Colour) -> None:
        path.write_bytes(saved(Image.new("RGB", (64, 64), colour), "PNG", icc_profile=an_rgb_profile()))

        assert middle(path) == pytest.approx(expected, abs=1)

    def test_transparency_outlives_the_profile(self, path: Path) -> None:
        drawing = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
        drawing.paste((200, 40, 40, 255), (100, 100, 200, 200))
        path.write_bytes(saved(drawing, "PNG", icc_profile=an_rgb_profile()))

        shown = open_picture(path)

        assert shown.getpixel((150, 150)) == pytest.approx((233, 35, 35), abs=1)
        assert shown.getpixel((20, 20)) == (255, 255, 255)

    @pytest.mark.parametrize(("value", "expected"), [(64, 137), (128, 188), (200, 229)])
    def test_grey_of_another_gamma_is_judged_and_shown_as_it_looks(self, path: Path, value: int, expected: int) -> None:
        path.write_bytes(saved(Image.new("L", (64, 64), value), "PNG", icc_profile=a_grey_profile(1.0)))

        assert middle(path) == pytest.approx((expected,) * 3, abs=1)
        assert mean_luma(path) == pytest.approx(expected, abs=1)

    @pytest.mark.parametrize("profile", [b"", b"no profile", an_rgb_profile()[:200], a_grey_profile(1.0), None])
    def test_a_profile_that_says_nothing_changes_nothing(self, path: Path, profile: bytes | None) -> None:
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        path.write_bytes(
            saved(Image.new("RGB", (64, 64), (200, 40, 40)), "PNG", icc_profile=srgb if profile is None else profile)
        )

        assert middle(path) == (200, 40, 40)

    @pytest.mark.parametrize(
        ("inks", "expected"),
        [
            ((255, 0, 0, 0), (0, 151, 218)),
            ((0, 255, 0, 0), (216, 10, 122)),
            ((0, 0, 0, 255), (40, 40, 40)),
            ((100, 60, 20, 10), (158, 161, 186)),
        ],
    )
    @pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
    def test_inks_are_shown_and_judged_by_their_profile(
        self, path: Path, kind: str, inks: Colour, expected: Colour
    ) -> None:
        options = {"quality": 100} if kind == "JPEG" else {}
        path.write_bytes(saved(Image.new("CMYK", (64, 64), inks), kind, icc_profile=a_cmyk_profile(), **options))

        assert middle(path) == pytest.approx(expected, abs=3)
        assert mean_luma(path) == pytest.approx(_luma(expected), abs=3)

    @pytest.mark.parametrize("marker", [0, None])
    def test_inks_without_a_profile_are_plain_and_adobes_are_not_a_negative(
        self, path: Path, marker: int | None
    ) -> None:
        # Photoshop, Pillow and libvips write and read inks of a JPEG inverted, with Adobe's marker and without.
        content = saved(Image.new("CMYK", (64, 64), (100, 60, 20, 10)), "JPEG", quality=100)
        path.write_bytes(_with_adobe_marker(content, marker))

        expected = tuple(round((255 - ink) * (255 - 10) / 255) for ink in (100, 60, 20))
        assert middle(path) == pytest.approx(expected, abs=3)
        assert mean_luma(path) == pytest.approx(_luma(expected), abs=3)

    def test_inks_stored_as_luma_and_chroma_are_the_same_inks(self, path: Path) -> None:
        # The marker's transform 2 says YCCK: the first three planes of this file are read as luma and chroma.
        # libvips 8.18.7 reads the inks 34, 53, 0 and 69 from the planes 38, 92, 125 and 186.
        content = saved(Image.new("CMYK", (64, 64), (217, 163, 130, 69)), "JPEG", quality=100)
        path.write_bytes(_with_adobe_marker(content, 2))

        assert middle(path) == pytest.approx((161, 147, 186), abs=3)

    def test_lab_is_shown(self, path: Path) -> None:
        lab = ImageCms.profileToProfile(
            Image.new("RGB", (64, 64), (200, 40, 40)),
            ImageCms.createProfile("sRGB"),
            ImageCms.createProfile("LAB"),
            outputMode="LAB",
        )
        assert lab is not None
        path.write_bytes(saved(lab, "TIFF"))

        assert middle(path) == pytest.approx((200, 40, 40), abs=3)


def _luma(colour: Colour) -> float:
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue


def _with_adobe_marker(content: bytes, transform: int | None) -> bytes:
    """The same JPEG with another transform in Adobe's marker, or without the marker."""
    start = content.index(b"\xff\xee")
    end = start + 2 + int.from_bytes(content[start + 2 : start + 4], "big")
    marker = b"" if transform is None else content[start : end - 1] + bytes([transform])
    return content[:start] + marker + content[end:]


class TestMemory:
    def test_a_picture_that_needs_too_much_is_refused_with_the_figures(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(opening, "_BUDGET", MemoryBudget(2**20))
        path.write_bytes(saved(Image.new("RGB", (1000, 1000)), "PNG"))

        with pytest.raises(UnreadablePictureError, match=r"needs about \d+ MiB of memory to decode.* takes 1 MiB"):
            open_picture(path, 256)

    def test_a_jpeg_xl_is_refused_before_it_is_opened_and_so_decoded(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(opening, "_BUDGET", MemoryBudget(2**20))
        # The header alone, of 1000 x 1000 pixels, which no decoder would open.
        path.write_bytes(saved(Image.new("RGB", (1000, 1000)), "JXL")[:12])

        with pytest.raises(UnreadablePictureError, match=r"needs about \d+ MiB of memory to decode.* takes 1 MiB"):
            open_picture(path, 256)

    @pytest.mark.parametrize("mode", ["L", "RGB"])
    def test_the_largest_pictures_of_8_bits_have_room(self, mode: str) -> None:
        # Pillow opens nothing larger.
        largest = Image.MAX_IMAGE_PIXELS
        assert largest is not None
        header = Image.new(mode, (1, 1))
        header._size = (14_000, 2 * largest // 14_000)  # type: ignore[attr-defined]

        assert decoded_bytes(header) < DECODING_BYTES

    def test_a_progressive_jpeg_keeps_all_its_coefficients(self, path: Path) -> None:
        picture = Image.new("RGB", (800, 800))
        sizes = []
        for progressive in (False, True):
            path.write_bytes(as_bytes(picture, progressive=progressive, subsampling=0))
            with Image.open(path) as image:
                image.draft("RGB", (100, 100))
                sizes.append(decoded_bytes(image))

        assert sizes[1] - sizes[0] == 800 * 800 * 3 * 2

    def test_a_large_picture_waits_and_is_not_overtaken(self) -> None:
        budget = MemoryBudget(10)
        order: list[str] = []

        def hold(name: str, size: int) -> None:
            with budget.hold(size):
                order.append(name)

        threads = [threading.Thread(target=hold, args=one) for one in (("large", 8), ("small", 3))]
        with budget.hold(6):
            for waiting, thread in enumerate(threads, start=1):
                thread.start()
                while thread.is_alive() and len(budget._queue) < waiting:
                    thread.join(0.001)
        for thread in threads:
            thread.join()

        assert order == ["large", "small"]

    def test_what_never_fits_is_refused_at_once(self) -> None:
        budget = MemoryBudget(10)

        with budget.hold(10), pytest.raises(TooLargeError):
            budget.hold(11)

    @pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16"])
    def test_a_picture_that_is_reduced_strip_by_strip_is_the_same(
        self, path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kind = "TIFF" if mode == "CMYK" else "PNG"
        path.write_bytes(saved(a_photo(mode, (2000, 1500)), kind))
        whole = open_luma(path, 200)
        shown = open_picture(path, 100)

        monkeypatch.setattr(luma, "_LARGE", 1)
        monkeypatch.setattr(geometry, "_STRIP_PIXELS", 2000 * 10)

        in_strips = open_luma(path, 200)
        assert np.abs(in_strips.luma.astype(int) - whole.luma).max() <= 2
        assert np.abs(np.asarray(open_picture(path, 100), dtype=int) - np.asarray(shown)).max() <= 2

    def test_a_damaged_file_is_refused(self, path: Path) -> None:
        path.write_bytes(as_bytes(a_picture(), "JPEG")[:3000])

        for look in (open_picture, lambda damaged: open_luma(damaged, SIDE)):
            with pytest.raises(UnreadablePictureError):
                look(path)


def test_a_thumbnail_keeps_its_shape_and_is_never_larger(path: Path) -> None:
    for size, expected in (((640, 320), (256, 128)), ((100, 50), (100, 50))):
        path.write_bytes(saved(a_picture(*size), "PNG"))

        assert small_copy(opener(path), 256).size == expected


def test_a_thumbnail_is_written_without_a_profile_that_it_does_not_need(path: Path) -> None:
    path.write_bytes(saved(Image.new("RGB", (64, 64), (200, 40, 40)), "PNG", icc_profile=an_rgb_profile()))

    file = io.BytesIO()
    small_copy(opener(path), 16).save(file, "JPEG")

    assert "icc_profile" not in Image.open(file).info
