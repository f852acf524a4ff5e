"""Sizes and compressed EXIF of JPEG XL files; the sizes are those that libjxl's encoder was given."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import brotli
import pytest
from PIL import Image

from datalake_ops.pictures import inspection
from datalake_ops.pictures.jxl import DamagedJxlError, compressed_exif, stored_size
from tests.pictures.files import ASCII, a_photo, an_exif_block, saved, turned


@pytest.mark.parametrize(
    "size",
    [
        (64, 48),
        (48, 64),
        (64, 64),
        (120, 100),
        (256, 256),
        (1, 1),
        (33, 7),
        (640, 360),
        (500, 400),
        (9000, 1),
        (2, 9000),
    ],
)
@pytest.mark.parametrize("use_container", [False, True], ids=["bare", "container"])
def test_the_size_stands_in_the_header(size: tuple[int, int], use_container: bool) -> None:
    content = saved(Image.new("L", size), "JXL", use_container=use_container, effort=1)

    assert stored_size(io.BytesIO(content)) == size


def test_the_header_may_lie_in_several_boxes() -> None:
    assert stored_size(io.BytesIO(turned("JXL", 6)())) == (64, 48)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n", b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\2jxlc"]
)
def test_without_a_header_there_is_no_size(content: bytes) -> None:
    with pytest.raises(DamagedJxlError, match="header"):
        stored_size(io.BytesIO(content))


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "PIXELS", 64 * 48 - 1)
    # The header alone, which no decoder would open.
    header = io.BytesIO(saved(a_photo(), "JXL")[:16])

    for read in (inspection.read_facts, inspection.verify):
        with pytest.raises(inspection.UnreadablePictureError, match="more than 3,071 pixels"):
            read(header)


def _with_a_compressed_exif(compress: Callable[[bytes], bytes], offset: bytes = bytes(4)) -> bytes:
    """Container whose box Exif is one of the kind brob, with the offset that the plugin's encoder leaves out."""
    plain = saved(a_photo(), "JXL", exif=an_exif_block((0x010F, ASCII, b"Canon\0")), use_container=True)
    start = plain.index(b"Exif") - 4
    size = int.from_bytes(plain[start : start + 4], "big")
    body = b"Exif" + compress(offset + plain[start + 8 : start + size])
    return plain[:start] + struct.pack(">I4s", 8 + len(body), b"brob") + body + plain[start + size :]


@pytest.mark.parametrize("offset", [bytes(4), b"\0\0\0\2--", b""])
def test_compressed_exif_is_read(offset: bytes) -> None:
    facts = inspection.read_facts(io.BytesIO(_with_a_compressed_exif(brotli.compress, offset)))

    assert facts.tags.main[0x010F] == "Canon"


@pytest.mark.parametrize(
    "compress",
    [lambda block: brotli.compress(block)[:-3], lambda block: b"no brotli", lambda _: brotli.compress(bytes(2 << 20))],
    ids=["cut", "damaged", "two mebibytes of zeros"],
)
def test_compressed_exif_that_is_none_is_left_out(compress: Callable[[bytes], bytes]) -> None:
    assert compressed_exif(io.BytesIO(_with_a_compressed_exif(compress))) is None
