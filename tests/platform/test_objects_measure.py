"""What the platform finds in files, told by their bytes alone."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from PIL import Image

from datalake_ops.pictures import inspection
from datalake_ops.platform.objects.probe import UnreadableFileError, probe
from datalake_ops.platform.objects.probe_pool import ProbeCrashedError, ProbePool
from tests.pictures.files import a_long_gif
from tests.platform.images import a_jpeg, a_picture, as_bytes
from tests.platform.videos import an_avi, an_mp4

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")


def reason_of(content: bytes) -> str:
    with pytest.raises(UnreadableFileError) as caught:
        probe(io.BytesIO(content))
    return str(caught.value)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_measured(kind: str) -> None:
    content = as_bytes(a_picture(320, 200), kind)

    found = probe(io.BytesIO(content))

    assert (found.width, found.height, found.size_bytes) == (320, 200, len(content))
    assert found.content_type.startswith("image/")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_cut_short_is_noticed(kind: str) -> None:
    content = as_bytes(a_picture(320, 200), kind)

    assert reason_of(content[: len(content) * 9 // 10])
    assert reason_of(content[: len(content) // 3])


def test_every_wrong_bit_of_a_png_is_noticed() -> None:
    content = as_bytes(a_picture(16, 12), "PNG")
    places = random.Random(5).sample(range(8 * len(content)), 200)

    for place in places:
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        assert reason_of(bytes(damaged)), f"bit {place}"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(("orientation", "size"), [(1, (320, 200)), (3, (320, 200)), (6, (200, 320)), (8, (200, 320))])
def test_width_and_height_are_those_of_the_upright_picture(kind: str, orientation: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    found = probe(io.BytesIO(as_bytes(a_picture(320, 200), kind, exif=exif)))

    assert (found.width, found.height) == size


def test_exif_is_read_in_the_keys_of_the_wire() -> None:
    exif: dict[int, object] = {
        0x0132: "2024:01:02 03:04:05",
        0x013B: "Ada\0",
        0x011A: 72.0,
        0x011B: 300.0,
        0x0128: 2,
        0x0103: 6,
        0x010F: "Cam Corp\0\0",
        0x0131: "darkroom 3",
    }

    found = probe(io.BytesIO(a_jpeg(exif=exif)))

    assert found.metadata == {
        "acquired_at": "2024-01-02T03:04:05",
        "acquired_by": "Ada",
        "resolution_x": 72.0,
        "resolution_y": 300.0,
        "resolution_unit": "inches",
        "compression": "JPEG (old-style)",
        "manufacturer": "Cam Corp",
        "software": "darkroom 3",
    }


def test_exif_values_that_make_no_sense_are_left_out() -> None:
    exif: dict[int, object] = {0x0132: "yesterday", 0x0128: 77, 0x010F: "", 0x0131: "\0"}

    assert probe(io.BytesIO(a_jpeg(exif=exif))).metadata == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"hello, this is a text", "neither an image nor a video"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "neither"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0" + bytes(200), "image"),
        (b"%PDF-1.7 ...", "neither"),
        (b"\x00\x00\x00\x1cftypheic" + bytes(64), "image/heic"),
    ],
)
def test_what_is_no_readable_file_is_refused_with_a_reason(content: bytes, said: str) -> None:
    assert said in reason_of(content)


def test_more_pixels_than_can_be_decoded_are_refused_before_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "PIXELS", 1000)

    assert "more than 1,000 pixels" in reason_of(as_bytes(a_picture(40, 30), "PNG"))


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
def test_each_frame_is_measured_by_its_own_size(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "PIXELS", 2000)
    frames = [a_picture(40, 30, seed) for seed in range(3)]

    found = probe(io.BytesIO(as_bytes(frames[0], kind, save_all=True, append_images=frames[1:])))

    assert (found.width, found.height) == (40, 30)


def test_one_page_of_many_may_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "PIXELS", 2000)
    pages = [a_picture(40, 30), a_picture(400, 300)]

    assert "page 2 of the image has more" in reason_of(
        as_bytes(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    )


def test_more_frames_than_are_decoded_are_refused_in_words_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "FRAMES", 2)
    frames = [a_picture(40, 30, seed) for seed in range(3)]
    content = as_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:])

    assert reason_of(content) == "the image has 3 frames, and at most 2 are decoded"


@pytest.mark.parametrize("version", [0, 1])
def test_an_mp4_tells_its_size_in_its_header(version: int) -> None:
    found = probe(io.BytesIO(an_mp4(640, 360, version=version)))

    assert (found.content_type, found.width, found.height) == ("video/mp4", 640, 360)


def test_a_turned_mp4_is_measured_as_it_is_shown() -> None:
    found = probe(io.BytesIO(an_mp4(640, 360, turned=True)))

    assert (found.width, found.height) == (360, 640)


def test_an_avi_tells_its_size_in_its_header() -> None:
    found = probe(io.BytesIO(an_avi(320, 200)))

    assert (found.content_type, found.width, found.height) == ("video/x-msvideo", 320, 200)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (an_mp4()[:-1], "cut short"),
        (an_mp4()[:60], "cut short"),
        (an_mp4(handler=b"soun"), "no video track"),
        (an_mp4(0, 0), "no width and height"),
        (an_avi()[:-1], "cut short"),
        (an_avi()[:40], "no AVI main header"),
        (an_avi(0, 0), "no width and height"),
    ],
)
def test_a_video_without_a_size_gets_no_made_up_one(content: bytes, said: str) -> None:
    assert said in reason_of(content)


class TestPool:
    def test_children_measure_as_this_process_does(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jpg"
        path.write_bytes(a_jpeg(320, 240))
        pool = ProbePool(1)

        with path.open("rb") as file:
            answer = pool.probe(file)
        pool.close()

        assert (answer["width"], answer["height"]) == (320, 240)

    def test_a_slow_file_is_told_by_its_processor_time(self, tmp_path: Path) -> None:
        slow, quick = tmp_path / "slow.gif", tmp_path / "a.jpg"
        slow.write_bytes(a_long_gif(1000))
        quick.write_bytes(a_jpeg())
        pool = ProbePool(1, cpu_seconds=1)

        with slow.open("rb") as file, pytest.raises(ProbeCrashedError) as caught:
            pool.probe(file)
        with quick.open("rb") as file:
            answer = pool.probe(file)
        pool.close()

        assert str(caught.value) == "decoding the file takes more than 1 s of processor time"
        assert "width" in answer

    def test_a_child_that_dies_takes_only_its_file_along(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jpg"
        path.write_bytes(a_jpeg())
        pool = ProbePool(1)
        with path.open("rb") as file:
            pool.probe(file)
            pool._idle[0]._process.kill()

            with pytest.raises(ProbeCrashedError, match="crashed"):
                pool.probe(file)

            assert "width" in pool.probe(file)
        pool.close()
