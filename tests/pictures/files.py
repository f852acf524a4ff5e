"""Makers of small picture files, in every format that is read here, and of files that only look like pictures."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 64, 48
Pixels = NDArray[Any]
BYTE, ASCII, SHORT, RATIONAL, UNDEFINED, SIGNED = 1, 2, 3, 5, 7, 9
_UNIT_BYTES = {BYTE: 1, ASCII: 1, SHORT: 2, 4: 4, RATIONAL: 8, UNDEFINED: 1, SIGNED: 4}
Tag = tuple[int, int, bytes]
# A JPEG 2000 of one pixel, 4095 in each channel, by imagecodecs 2026.3.6: jpeg2k_encode(bitspersample=12).
WHITE_OF_12_BITS = bytes.fromhex(
    "ff4fff51002f0000000000010000000100000000000000000000000100000001000000000000000000030b01010b01010b0101ff"
    "52000c00000001010004040001ff5c00044060ff640025000143726561746564206279204f70656e4a5045472076657273696f6e"
    "20322e352e34ff90000a0000000000140001ff93cfe404008080ffd9"
)
EXIF_POINTER, GPS_POINTER = 0x8769, 0x8825


def a_photo(mode: str = "RGB", size: tuple[int, int] = (WIDTH, HEIGHT), seed: int = 0) -> Image.Image:
    """A picture with light, dark and some noise, in a mode of Pillow."""
    width, height = size
    random = np.random.default_rng(seed)
    ramp = np.linspace(40, 215, width)[None, :, None] * np.linspace(0.7, 1.0, height)[:, None, None]
    colours = (ramp * [1.0, 0.8, 0.6] + random.normal(0, 8, (height, width, 3))).clip(0, 255).astype(np.uint8)
    if mode in ("I;16", "F", "I"):
        grey = np.asarray(Image.fromarray(colours).convert("L"))
        return Image.fromarray({"I;16": grey.astype(np.uint16) * 257, "F": grey / np.float32(255)}.get(mode, grey))
    if mode in ("LA", "RGBA"):
        picture = Image.fromarray(colours).convert(mode)
        picture.putalpha(Image.linear_gradient("L").resize(size))
        return picture
    return Image.fromarray(colours).convert(mode)


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as a file of one of Pillow's formats."""
    _register_plugins()
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def a_file(kind: str, mode: str = "RGB", **options: Any) -> Callable[[], bytes]:
    """Maker of a file of one format and mode."""
    return lambda: saved(a_photo(mode), kind, **options)


def turned(kind: str, orientation: int, **options: Any) -> Callable[[], bytes]:
    """Maker of a file whose EXIF says how it is to be turned."""
    block = Image.Exif()
    block[0x0112] = orientation
    return lambda: saved(a_photo(), kind, exif=block.tobytes(), **options)


def several(kind: str, count: int = 3, mode: str = "RGB", **options: Any) -> Callable[[], bytes]:
    """Maker of a file of several frames or pages."""

    def make() -> bytes:
        first, *others = [a_photo(mode, seed=number) for number in range(count)]
        return saved(first, kind, save_all=True, append_images=others, **options)

    return make


def cut(make: Callable[[], bytes], share: float) -> Callable[[], bytes]:
    """Maker of a file that ends after a share of its bytes."""

    def make_cut() -> bytes:
        content = make()
        return content[: int(len(content) * share)]

    return make_cut


def flipped(make: Callable[[], bytes], share: float, bit: int = 3) -> Callable[[], bytes]:
    """Maker of a file with one wrong bit."""

    def make_flipped() -> bytes:
        content = bytearray(make())
        content[int(len(content) * share)] ^= 1 << bit
        return bytes(content)

    return make_flipped


def a_deep_png(channels: int = 3, significant: int = 16) -> bytes:
    """A PNG of 16 bits a channel; with fewer significant bits it has an sBIT chunk."""
    values = np.asarray(a_photo("RGB"), dtype=np.uint16)[:, :, :channels] * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    colour_type = {1: 0, 3: 2}[channels]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, colour_type, 0, 0, 0))]
    chunks += [(b"sBIT", bytes([significant] * channels))] if significant < 16 else []
    return a_png(*chunks, (b"IDAT", zlib.compress(rows)))


def a_png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks and IEND."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(a_chunk(*chunk) for chunk in (*chunks, (b"IEND", b"")))


def a_chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def with_brand(content: bytes, brand: bytes) -> bytes:
    """An ISO file (MP4, HEIF, ...) with another major brand."""
    return content[:8] + brand + content[12:]


def with_late_exif(content: bytes, block: bytes) -> bytes:
    """A PNG with its EXIF behind the pixels, where the standard allows it too."""
    return content[:-12] + a_chunk(b"eXIf", block.removeprefix(b"Exif\0\0")) + content[-12:]


def a_tiff(*pages: tuple[Pixels, dict[str, Any]], **options: Any) -> bytes:
    """A TIFF of pages, each with its pixels and tifffile's arguments."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file, **options) as writer:
        for pixels, arguments in pages:
            writer.write(pixels, **{"metadata": None, "photometric": "minisblack", **arguments})
    return file.getvalue()


def grey_pixels(dtype: str, scale: float = 1.0) -> Pixels:
    """The photo's grey values, 0 to 255 times `scale`, in a type of numpy."""
    return (np.asarray(a_photo("L"), dtype=np.float64) * scale).astype(dtype)


def a_pyramid() -> bytes:
    """A picture with two smaller renderings of itself behind it, as cloud-optimized GeoTIFF has them."""
    large = np.asarray(a_photo(size=(256, 192)))
    smaller = [(large[::step, ::step], {"photometric": "rgb", "tile": (16, 16), "subfiletype": 1}) for step in (2, 4)]
    return a_tiff((large, {"photometric": "rgb", "tile": (16, 16)}), *smaller)


def a_pyramid_of_the_old_kind() -> bytes:
    """A pyramid whose directories tell their roles by SubfileType (255), as TIFF 5 had it."""
    large = np.asarray(a_photo(size=(256, 192)))
    roles = [{"photometric": "rgb", "extratags": [(255, 3, 1, role, True)]} for role in (1, 2)]
    return a_tiff((large, roles[0]), (large[::2, ::2], roles[1]))


def a_previewed_tiff(**preview: Any) -> bytes:
    """A TIFF whose first directory is a preview of the picture in the next one, or in a SubIFD."""
    small = np.asarray(a_photo(size=(32, 24)))
    return a_tiff((small, {"photometric": "rgb", **preview}), (np.asarray(a_photo()), {"photometric": "rgb"}))


def a_chained_raw() -> bytes:
    """A camera raw file whose sensor's pattern is the second directory, behind a preview that is not marked."""
    pattern = {"photometric": "cfa", "extratags": [(33421, 3, 2, (2, 2), True), (33422, 1, 4, b"\0\1\1\2", True)]}
    preview = np.asarray(a_photo(size=(32, 24)))
    return a_tiff((preview, {"photometric": "rgb"}), (grey_pixels("uint16", 16), pattern))


def a_long_gif(frames: int, size: tuple[int, int] = (1000, 1000)) -> bytes:
    """A GIF whose one frame is repeated: quick to make, and slow to decode."""
    one = saved(Image.new("P", size), "GIF")
    # The screen descriptor ends with its colours, of which the packed field at byte 10 tells the number.
    start = 13 + 3 * 2 ** ((one[10] & 7) + 1)
    return one[:start] + one[start:-1] * frames + b";"


def a_gif_cut_behind(frame: int, more: int = 0) -> bytes:
    """An animated GIF that ends behind a whole frame, or some bytes into the control block of the next one."""
    content = several("GIF", 3, mode="P", loop=0, duration=100)()
    control_blocks = [found.start() for found in re.finditer(rb"!\xf9\x04", content)]
    return content[: control_blocks[frame] + more]


def a_fax(pages: int = 3, size: tuple[int, int] = (1728, 2200)) -> bytes:
    """A fax of many pages, each mostly white."""
    page = Image.new("1", size, 1)
    page.paste(0, (100, 100, 300, 120))
    return saved(page, "TIFF", compression="group4", save_all=True, append_images=[page] * (pages - 1))


def a_raw(camera: str = "dng") -> bytes:
    """A camera raw file: a small preview in front, the sensor's pattern behind it in a SubIFD."""
    preview, sensor = np.asarray(a_photo(size=(32, 24))), grey_pixels("uint16", 16)
    extra: list[Any] = [(271, 2, 0, {"dng": "Leica", "nef": "NIKON CORPORATION"}[camera], True)]
    if camera == "dng":
        extra.append((50706, 1, 4, b"\1\4\0\0", True))
    return a_tiff(
        (preview, {"photometric": "rgb", "subifds": 1, "subfiletype": 1, "extratags": extra}),
        (sensor, {"photometric": "cfa", "extratags": [(33421, 3, 2, (2, 2), True), (33422, 1, 4, b"\0\1\1\2", True)]}),
    )


def a_canon_raw() -> bytes:
    """The head of a CR2 file: a TIFF with Canon's mark behind the header."""
    return b"II*\0\x10\0\0\0CR\2\0" + bytes(4) + a_tiff((grey_pixels("uint8"), {}))[8:]


def an_mpo() -> bytes:
    """Two JPEGs in one file, as stereo cameras and phones write them."""
    return several("MPO", 2)()


def a_transport_stream(packet: int = 188, count: int = 8) -> bytes:
    """Packets of an MPEG transport stream without a programme; `packet` 192 is a camcorder's M2TS."""
    one = b"\x47\x1f\xff\x10" + b"\xff" * 184
    return (bytes(packet - 188) + one) * count


def an_exif_block(*tags: Tag, exif: Sequence[Tag] = (), gps: Sequence[Tag] = ()) -> bytes:
    """A big-endian EXIF block with exactly these bytes: (tag, type, value) of IFD0, the Exif IFD and the GPS IFD."""
    pointers = [(EXIF_POINTER, 4, bytes(4))] if exif else []
    pointers += [(GPS_POINTER, 4, bytes(4))] if gps else []
    main = _directory([*tags, *pointers], 8)
    exif_start = 8 + len(main)
    behind = _directory(exif, exif_start) if exif else b""
    gps_start = exif_start + len(behind)
    starts = {EXIF_POINTER: exif_start, GPS_POINTER: gps_start}
    resolved = [(tag, kind, struct.pack(">I", starts[tag])) for tag, kind, _ in pointers]
    main = _directory([*tags, *resolved], 8)
    return b"Exif\0\0MM\0*\0\0\0\x08" + main + behind + (_directory(gps, gps_start) if gps else b"")


def rationals(*values: tuple[int, int]) -> bytes:
    """Values of a RATIONAL tag: numerators and denominators."""
    return b"".join(struct.pack(">II", *value) for value in values)


def _directory(tags: Sequence[Tag], at: int) -> bytes:
    directory, behind = struct.pack(">H", len(tags)), b""
    start = at + 2 + 12 * len(tags) + 4
    for tag, kind, value in sorted(tags):
        place = value.ljust(4, b"\0")
        if len(value) > 4:
            place = struct.pack(">I", start + len(behind))
            behind += value + b"\0" * (len(value) % 2)
        directory += struct.pack(">HHI", tag, kind, len(value) // _UNIT_BYTES[kind]) + place
    return directory + bytes(4) + behind


def _register_plugins() -> None:
    import pillow_heif
    import pillow_jxl  # noqa: F401

    pillow_heif.register_heif_opener()
