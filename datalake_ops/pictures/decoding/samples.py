"""Deep samples of a decoded picture, read strip by strip, and their tones in 8 bits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datalake_ops.pictures.decoding.sample_format import GREY_ALPHA, SampleFormat, ValueScale, native_mode, raw_mode

# Pixels that are held as numbers of numpy at a time, and those from which percentiles are taken.
_STRIP_PIXELS = 1 << 20
_SAMPLED_PIXELS = 1 << 18
_PERCENTILES = (2.0, 98.0)
# Pillow keeps the high byte of 16-bit colours; the raw mode of the other byte order reads the low one.
_OTHER_BYTE = {"B": "L", "L": "B", "N": "B"}
# Of 16-bit grey with alpha, four bytes a pixel, the raw mode of four channels reads all bytes at once.
_FOUR_BYTES = "RGBA"

Samples = NDArray[Any]
Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Survey:
    """Extremes of all samples that are pixels, and percentiles; `has_low_bits`: some lie below the significant ones.

    `mode` is that of the picture in 8 bits: L or RGB, with alpha where some pixels are none or transparent.
    """

    mode: str
    low: float
    high: float
    spread: ValueScale
    has_low_bits: bool = False
    is_empty: bool = False


class SampleReader:
    """Samples of an opened picture, which is to be decoded (`load`) after this and before anything is read.

    `low_bytes` is the same file opened once more, for 16-bit colours: Pillow keeps one byte of each.
    """

    def __init__(self, image: Image.Image, low_bytes: Image.Image | None, form: SampleFormat) -> None:
        self.form = form
        self.is_packed = raw_mode(image) == GREY_ALPHA
        if self.is_packed:
            _set_raw_mode(image, _FOUR_BYTES)
        elif (native := native_mode(image)) is not None:
            _set_raw_mode(image, native)
        elif low_bytes is not None:
            name = raw_mode(low_bytes)
            _set_raw_mode(low_bytes, name[:-1] + _OTHER_BYTE[name[-1]])
        self._image = image
        self._low_bytes = low_bytes
        self._transparent = image.info.get("transparency")

    def survey(self) -> Survey:
        """Read all samples once."""
        form = self.form
        unit = 2 ** (form.bits - form.significant_bits) if form.significant_bits else 1
        low, high, has_low_bits, mode = math.inf, -math.inf, False, ""
        taken = [np.empty(0)]
        step = max(1, math.isqrt(self._image.width * self._image.height // _SAMPLED_PIXELS))
        for values, weights in self._strips():
            # A longer name has more channels.
            mode = max(mode, _mode_of(values, weights), key=len)
            pixels = values if weights is None else values[weights > 0]
            if pixels.size:
                low, high = min(low, float(pixels.min())), max(high, float(pixels.max()))
                has_low_bits = has_low_bits or (unit > 1 and bool((pixels % unit > 1).any()))
                some = values[::step, ::step]
                taken.append((some if weights is None else some[weights[::step, ::step] > 0]).ravel())
        if low > high:
            return Survey(mode, 0.0, 0.0, ValueScale(0.0, 1.0), is_empty=True)
        return Survey(mode, low, high, _spread(np.concatenate(taken), low, high), has_low_bits)

    def toned(self, scale: ValueScale, mode: str) -> Image.Image:
        """Picture of 8 bits on a scale, in the mode of its survey."""
        result = Image.new(mode, self._image.size)
        top = 0
        for values, weights in self._strips():
            strip = self._toned_strip(values, weights, scale)
            result.paste(strip.convert(mode), (0, top))
            top += strip.height
        return result

    def _toned_strip(self, values: Samples, weights: Weights | None, scale: ValueScale) -> Image.Image:
        if weights is not None:
            values = np.where(weights[..., None] > 0, values, scale.black)
        tones = (values.astype(np.float64) - scale.black) / (scale.white - scale.black)
        tones = 1.0 - tones if self.form.is_inverted else tones
        levels = (tones.clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
        strip = Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
        if weights is not None:
            strip.putalpha(Image.fromarray((weights * 255.0 + 0.5).astype(np.uint8)))
        return strip

    def _strips(self) -> Iterator[tuple[Samples, Weights | None]]:
        width, height = self._image.size
        rows = max(1, _STRIP_PIXELS // width)
        for top in range(0, height, rows):
            yield self._split(self._numbers((0, top, width, min(height, top + rows))))

    def _numbers(self, box: tuple[int, int, int, int]) -> Samples:
        joined: Samples
        numbers: Samples = np.asarray(self._image.crop(box))
        if self.is_packed:
            wide = numbers.astype(np.uint16)
            joined = wide[..., 0::2] << 8 | wide[..., 1::2]
            return joined
        if self._low_bytes is not None:
            joined = numbers.astype(np.uint16) << 8 | np.asarray(self._low_bytes.crop(box))
            return joined
        if self.form.kind == "unsigned" and numbers.dtype == np.int32:
            numbers = numbers.view(np.uint32)
        if self.form.kind == "signed" and numbers.dtype == np.uint8:
            numbers = numbers.view(np.int8)
        return numbers[..., None] if numbers.ndim == 2 else numbers

    def _split(self, numbers: Samples) -> tuple[Samples, Weights | None]:
        """Colours, and the weight of each pixel, 0 for what is none; None where all count in full."""
        weights: Weights | None = None
        if numbers.shape[2] in (2, 4):
            weights = numbers[..., -1].astype(np.float32) / np.float32(np.iinfo(numbers.dtype).max)
            numbers = numbers[..., :-1]
        absent = self._absent(numbers)
        if absent.any():
            weights = np.where(absent, np.float32(0), np.float32(1) if weights is None else weights)
        return numbers, weights

    def _absent(self, numbers: Samples) -> NDArray[np.bool_]:
        absent = np.zeros(numbers.shape[:2], dtype=bool)
        if numbers.dtype.kind == "f":
            absent |= ~np.isfinite(numbers).all(axis=2)
        for mark in (self.form.nodata, self._transparent):
            held = None if mark is None else _held(mark, numbers.dtype)
            if held is not None:
                absent |= (numbers == held).all(axis=2)
        return absent


def _mode_of(values: Samples, weights: Weights | None) -> str:
    return ("L" if values.shape[2] == 1 else "RGB") + ("" if weights is None else "A")


def _held(mark: Any, kind: np.dtype[Any]) -> Samples | None:
    """Value, or value per channel, as a type holds it; None if it cannot.

    Decimals may round the lowest number of a floating-point type to one below it, which stands for the lowest.
    """
    if isinstance(mark, bytes):
        return None
    values = np.asarray(mark, dtype=np.float64)
    if kind.kind == "f":
        most = float(np.finfo(kind).max)
        return values.clip(-most, most).astype(kind)
    limits = np.iinfo(kind)
    is_held = bool(((values >= limits.min) & (values <= limits.max) & (values == np.trunc(values))).all())
    return values.astype(kind) if is_held else None


def _spread(sampled: Samples, low: float, high: float) -> ValueScale:
    black, white = (float(found) for found in np.percentile(sampled.astype(np.float64), _PERCENTILES))
    if white <= black:
        black, white = low, high
    # A picture of one value is shown as grey.
    return ValueScale(black, white) if white > black else ValueScale(black - 1.0, black + 1.0)


def _set_raw_mode(image: Image.Image, name: str) -> None:
    def renamed(arguments: Any) -> Any:
        return name if isinstance(arguments, str) else (name, *arguments[1:])

    opened = cast("Any", image)
    opened.tile = [tile._replace(args=renamed(tile.args)) for tile in opened.tile]
