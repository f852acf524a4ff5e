"""Corpus of small pictures as people photograph, scan and measure them, and the verdict that each deserves.

The files are made here, so that every byte is known. One table holds what upload, import, `--check` and the processings
must say of each; a sample's `size` is that of the picture as shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from tests.pictures.files import (
    BYTE,
    HEIGHT,
    WIDTH,
    a_canon_raw,
    a_chained_raw,
    a_deep_png,
    a_fax,
    a_file,
    a_gif_cut_behind,
    a_photo,
    a_previewed_tiff,
    a_pyramid,
    a_pyramid_of_the_old_kind,
    a_raw,
    a_tiff,
    a_transport_stream,
    an_exif_block,
    an_mpo,
    cut,
    flipped,
    grey_pixels,
    saved,
    several,
    turned,
    with_brand,
)
from tests.platform.videos import an_avi, an_mp4

UPRIGHT, SIDEWAYS = (WIDTH, HEIGHT), (HEIGHT, WIDTH)


@dataclass(frozen=True)
class Sample:
    """File of the corpus.

    `size` is None for what is no readable picture: then `reason` has words of the reason. `kind` is the content type
    by its bytes. `unsupported` marks what is whole, and yet of a kind that is not read. `pages`: of a document.
    """

    name: str
    make: Callable[[], bytes] = field(repr=False, compare=False)
    size: tuple[int, int] | None = UPRIGHT
    kind: str = "image/jpeg"
    reason: str = ""
    unsupported: bool = False
    pages: int = 1

    @cached_property
    def content(self) -> bytes:
        """The file's bytes, made once."""
        return self.make()

    def write(self, folder: Path) -> Path:
        """Write the file below a folder."""
        path = folder / self.name
        path.write_bytes(self.content)
        return path

    def __str__(self) -> str:
        return self.name


JPEG, PNG, TIFF, GIF, WEBP, BMP = (f"image/{kind}" for kind in ("jpeg", "png", "tiff", "gif", "webp", "bmp"))
AVIF, HEIC, JXL, JP2 = (f"image/{kind}" for kind in ("avif", "heic", "jxl", "jp2"))

COLOURS = (
    Sample("jpeg-rgb.jpg", a_file("JPEG")),
    Sample("jpeg-grey.jpg", a_file("JPEG", "L")),
    Sample("jpeg-progressive.jpg", a_file("JPEG", progressive=True)),
    # Pillow, as Photoshop, writes CMYK inverted, with Adobe's marker.
    Sample("jpeg-cmyk-adobe.jpg", a_file("JPEG", "CMYK")),
    Sample("png-1.png", a_file("PNG", "1"), kind=PNG),
    Sample("png-grey.png", a_file("PNG", "L"), kind=PNG),
    Sample("png-grey-alpha.png", a_file("PNG", "LA"), kind=PNG),
    Sample("png-palette.png", a_file("PNG", "P"), kind=PNG),
    Sample("png-rgb.png", a_file("PNG"), kind=PNG),
    Sample("png-rgba.png", a_file("PNG", "RGBA"), kind=PNG),
    Sample("png-grey-16.png", a_file("PNG", "I;16"), kind=PNG),
    Sample("png-grey-12-of-16.png", lambda: a_deep_png(1, 12), kind=PNG),
    Sample("png-rgb-16.png", a_deep_png, kind=PNG),
    Sample("tiff-1.tif", a_file("TIFF", "1"), kind=TIFF),
    Sample("tiff-grey.tif", a_file("TIFF", "L", compression="tiff_lzw"), kind=TIFF),
    Sample("tiff-rgb.tif", a_file("TIFF", compression="tiff_adobe_deflate"), kind=TIFF),
    Sample("tiff-rgba.tif", a_file("TIFF", "RGBA"), kind=TIFF),
    Sample("tiff-cmyk.tif", a_file("TIFF", "CMYK"), kind=TIFF),
    Sample("tiff-lab.tif", a_file("TIFF", "LAB"), kind=TIFF),
    Sample("tiff-palette.tif", a_file("TIFF", "P"), kind=TIFF),
    Sample("tiff-jpeg.tif", a_file("TIFF", compression="jpeg"), kind=TIFF),
    Sample("tiff-grey-16.tif", a_file("TIFF", "I;16"), kind=TIFF),
    Sample(
        "tiff-negative-16.tif",
        lambda: a_tiff((65535 - grey_pixels("uint16", 257), {"photometric": "miniswhite"})),
        kind=TIFF,
    ),
    Sample(
        "tiff-rgb-16.tif",
        lambda: a_tiff((np.asarray(a_photo(), dtype=np.uint16) * 257, {"photometric": "rgb"})),
        kind=TIFF,
    ),
    Sample("tiff-uint32.tif", lambda: a_tiff((grey_pixels("uint32", 16_843_009), {})), kind=TIFF),
    Sample("tiff-float.tif", lambda: a_tiff((grey_pixels("float32", 1 / 255), {})), kind=TIFF),
    Sample("tiff-big.tif", lambda: a_tiff((grey_pixels("uint8"), {}), bigtiff=True), kind=TIFF),
    Sample("gif.gif", a_file("GIF", "P"), kind=GIF),
    Sample("bmp.bmp", a_file("BMP"), kind=BMP),
    Sample("bmp-grey.bmp", a_file("BMP", "L"), kind=BMP),
    Sample("webp.webp", a_file("WEBP"), kind=WEBP),
    Sample("webp-alpha.webp", a_file("WEBP", "RGBA", lossless=True), kind=WEBP),
    Sample("avif.avif", a_file("AVIF"), kind=AVIF),
    Sample("avif-alpha.avif", a_file("AVIF", "RGBA"), kind=AVIF),
    Sample("heic.heic", a_file("HEIF"), kind=HEIC),
    Sample("heic-12-bits.heic", a_file("HEIF", "I;16"), kind=HEIC),
    Sample("heic-multiview.heic", lambda: with_brand(a_file("HEIF")(), b"hevm"), kind=HEIC),
    Sample("jxl.jxl", a_file("JXL"), kind=JXL),
    Sample("jxl-grey-16.jxl", a_file("JXL", "I;16", lossless=True), kind=JXL),
    Sample("jpeg2000.jp2", a_file("JPEG2000"), kind=JP2),
    Sample("jpeg2000-grey-16.jp2", a_file("JPEG2000", "I;16"), kind=JP2),
    Sample("stereo.mpo", an_mpo),
)
ORIENTATIONS = (
    *(
        Sample(f"jpeg-turned-{number}.jpg", turned("JPEG", number), SIDEWAYS if number >= 5 else UPRIGHT)
        for number in (2, 3, 5, 6, 8)
    ),
    Sample("png-turned.png", turned("PNG", 6), SIDEWAYS, PNG),
    Sample("webp-turned.webp", turned("WEBP", 6), SIDEWAYS, WEBP),
    Sample("tiff-turned.tif", turned("TIFF", 6), SIDEWAYS, TIFF),
    # Turned by the container's own `irot`, which is what EXIF's orientation becomes there (ISO/IEC 23008-12, 6.5.10).
    Sample("avif-turned.avif", turned("AVIF", 6), SIDEWAYS, AVIF),
    Sample("heic-turned.heic", turned("HEIF", 6), SIDEWAYS, HEIC),
    # EXIF's orientation in a JPEG XL is not to be applied: the codestream has its own (ISO/IEC 18181-2, annex A).
    Sample("jxl-not-turned.jxl", turned("JXL", 6), UPRIGHT, JXL),
    Sample(
        "jpeg-turned-by-a-byte.jpg",
        lambda: saved(a_photo(), "JPEG", exif=an_exif_block((0x0112, BYTE, b"\6"))),
        SIDEWAYS,
    ),
)
PAGES = (
    Sample("gif-frames.gif", several("GIF", mode="P"), kind=GIF),
    Sample("gif-padded.gif", lambda: several("GIF", mode="P")() + bytes(16), kind=GIF),
    # Browsers show a single frame without the end mark.
    Sample("gif-without-its-end-mark.gif", lambda: a_file("GIF", "P")()[:-1], kind=GIF),
    Sample("apng-frames.png", several("PNG"), kind=PNG),
    Sample("webp-frames.webp", several("WEBP", lossless=True), kind=WEBP),
    Sample("avif-frames.avif", several("AVIF"), kind=AVIF),
    Sample("fax.tif", lambda: a_fax(47), (1728, 2200), TIFF, pages=47),
    # Pillow warns of more than 89 megapixels.
    Sample("plan-of-94-megapixels.tif", lambda: a_fax(1, (12000, 7800)), (12000, 7800), TIFF),
    Sample("scan-two-pages.tif", several("TIFF", 2), kind=TIFF, pages=2),
    Sample("pyramid.tif", a_pyramid, (256, 192), TIFF),
    Sample("pyramid-of-the-old-kind.tif", a_pyramid_of_the_old_kind, (256, 192), TIFF),
    Sample("preview-in-front.tif", lambda: a_previewed_tiff(subfiletype=1), kind=TIFF),
    Sample("preview-of-the-old-kind.tif", lambda: a_previewed_tiff(extratags=[(255, 3, 1, 2, True)]), kind=TIFF),
)
DAMAGED = (
    Sample("jpeg-cut.jpg", cut(a_file("JPEG"), 0.7), None, JPEG, "decoded"),
    Sample("png-cut.png", cut(a_file("PNG"), 0.7), None, PNG, "decoded"),
    Sample("png-wrong-bit.png", flipped(a_file("PNG"), 0.5), None, PNG, "decoded"),
    Sample("png-wrong-bit-in-its-end.png", flipped(a_file("PNG"), 0.9995), None, PNG, "decoded"),
    Sample("gif-cut-behind-its-first-frame.gif", lambda: a_gif_cut_behind(1), None, GIF, "cut short"),
    Sample("gif-cut-behind-its-second-frame.gif", lambda: a_gif_cut_behind(2), None, GIF, "cut short"),
    Sample("gif-cut-in-a-control-block.gif", lambda: a_gif_cut_behind(2, 5), None, GIF, "cut short"),
    Sample("gif-cut-in-its-second-frame.gif", cut(several("GIF", mode="P"), 0.5), None, GIF, "decoded"),
    Sample("tiff-cut-in-its-second-page.tif", cut(several("TIFF"), 0.5), None, TIFF, "decoded"),
    Sample("apng-cut-in-its-second-frame.png", cut(several("PNG"), 0.5), None, PNG, "decoded"),
    Sample("webp-cut.webp", cut(a_file("WEBP", lossless=True), 0.7), None, WEBP, "decoded"),
    Sample("heic-cut.heic", cut(a_file("HEIF"), 0.7), None, HEIC, "decoded"),
    Sample("avif-cut.avif", cut(a_file("AVIF"), 0.7), None, AVIF, "decoded"),
)
UNREAD = (
    Sample("raw.dng", a_raw, None, TIFF, "camera raw", unsupported=True),
    Sample("raw.nef", lambda: a_raw("nef"), None, TIFF, "camera raw", unsupported=True),
    Sample("raw.tif", a_raw, None, TIFF, "camera raw", unsupported=True),
    Sample("raw-behind-its-preview.tif", a_chained_raw, None, TIFF, "camera raw", unsupported=True),
    # Pillow does not read a picture in a SubIFD.
    Sample(
        "preview-above-its-picture.tif",
        lambda: a_previewed_tiff(subifds=1, extratags=[(255, 3, 1, 2, True)]),
        None,
        TIFF,
        "camera raw",
        unsupported=True,
    ),
    Sample("raw.cr2", a_canon_raw, None, "image/x-canon-cr2", "camera raw", unsupported=True),
)
VIDEOS = (
    Sample("video.mp4", an_mp4, (640, 360), "video/mp4"),
    Sample("video-turned.mp4", lambda: an_mp4(turned=True), (360, 640), "video/mp4"),
    Sample("phone.3gp", lambda: an_mp4(brand=b"3gp4"), (640, 360), "video/3gpp"),
    Sample("phone.3g2", lambda: an_mp4(brand=b"3g2a"), (640, 360), "video/3gpp2"),
    Sample("round.insv", lambda: an_mp4(720, 720), (720, 720), "video/mp4"),
    Sample("old.avi", an_avi, (320, 200), "video/x-msvideo"),
    Sample("video-cut.mp4", cut(an_mp4, 0.9), None, "video/mp4", "cut short"),
    Sample("sound-only.mp4", lambda: an_mp4(handler=b"soun"), None, "video/mp4", "no video track"),
    Sample("old-cut.avi", cut(an_avi, 0.9), None, "video/x-msvideo", "cut short"),
    Sample("broadcast.ts", a_transport_stream, None, "video/mp2t", unsupported=True),
    Sample("camcorder.mts", lambda: a_transport_stream(192), None, "video/mp2t", unsupported=True),
)
CORPUS = (*COLOURS, *ORIENTATIONS, *PAGES, *DAMAGED, *UNREAD, *VIDEOS)
