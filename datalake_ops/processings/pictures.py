"""Image files decoded for analysis: upright, reduced; in sRGB to be looked at, or in luma to be judged."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from datalake_ops.processings.decoding.colours import changes_brightness, to_srgb
from datalake_ops.processings.decoding.geometry import at_least, fitted, reduced, upright
from datalake_ops.processings.decoding.memory import MemoryBudget, TooLargeError, decoded_bytes
from datalake_ops.processings.decoding.page import over_page
from datalake_ops.processings.decoding.sample_format import SampleFormat, ValueScale, read_format
from datalake_ops.processings.decoding.samples import SampleReader, Survey
from datalake_ops.processings.decoding.scales import ExposureScale, scale_to_show
from datalake_ops.wire.image_metadata import ORIENTATION, UPRIGHT, orientation_from_exif

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
# Pixels above which a picture is reduced in whole steps before it is converted and measured.
_LARGE = 1 << 24
# Modes in which pictures are reduced; all others become RGB.
_KEPT_MODES = frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "LAB"})
# All pictures of a process share the memory.
_BUDGET = MemoryBudget()

Luma = NDArray[np.uint8]
Weights = NDArray[np.float32]
ChooseScale = Callable[[SampleFormat, Survey], ValueScale]


class UnreadablePictureError(ValueError):
    """The file cannot be decoded; the text has the reason."""


@dataclass(frozen=True)
class LumaPicture:
    """Luma (0 to 255) of a picture, and the weight (0 to 1) of each pixel; None where all count in full.

    `size` is that of the decoded picture. `unknown_exposure` has the reason that nothing can be said of it, `note` what
    is to be known of the scale.
    """

    luma: Luma
    weights: Weights | None = None
    size: tuple[int, int] = (0, 0)
    unknown_exposure: str = ""
    note: str = ""

    @classmethod
    def of(cls, image: Image.Image, side: int, **told: str) -> LumaPicture:
        """Luma of an image with a longest side of at most `side`."""
        has_alpha = image.has_transparency_data
        small = fitted(image.convert("LA" if has_alpha else "L"), side)
        alpha = np.asarray(small.getchannel("A")) if has_alpha else None
        # An opaque picture is one, whether its file has alpha or not.
        weights = None if alpha is None or alpha.min() == 255 else alpha.astype(np.float32) / np.float32(255)
        return cls(np.asarray(small.getchannel("L")), weights, image.size, **told)


def open_picture(path: Path, side: int | None = None) -> Image.Image:
    """Decode an image to be looked at, upright and in sRGB; `side` is the longest side that is needed, in pixels.

    It may come reduced, but never below `side`: that takes much less time and memory. Deep samples are shown on their
    scale, or spread over what can be seen. Transparent pixels become a page on which the others show.

    Raises:
        UnreadablePictureError: it cannot be decoded.
    """
    with _opened(path) as image:
        profile = image.info.get("icc_profile")
        if side is not None:
            image.draft("RGB", at_least(image.size, side))
        with _decoded(image, path, scale_to_show) as (pixels, orientation):
            shown = to_srgb(reduced(pixels, _whole_factor(pixels, side and 2 * side), _mode_of(pixels)), profile)
            page = over_page(shown.convert("RGBA")) if shown.mode in ("LA", "RGBA") else shown.convert("RGB")
            return upright(page, orientation)


def open_luma(path: Path, side: int, value_range: ValueScale | None = None) -> LumaPicture:
    """Decode an image to be judged: luma with a longest side of at most `side`.

    Samples of more than 8 bits are read on `value_range`, or on the scale that the file tells.

    Raises:
        UnreadablePictureError: it cannot be decoded.
    """
    scale = ExposureScale(value_range)
    with _opened(path) as image:
        profile = image.info.get("icc_profile")
        needs_colours = changes_brightness(image, profile)
        image.draft("RGB" if needs_colours else "L", at_least(image.size, side))
        with _decoded(image, path, scale) as (pixels, orientation):
            mode = _mode_of(pixels)
            is_costly = pixels.width * pixels.height > _LARGE or mode in ("LA", "RGBA")
            judged = reduced(pixels, _whole_factor(pixels, 2 * side if is_costly else None), mode)
            if needs_colours or mode in ("CMYK", "LAB"):
                judged = to_srgb(judged, profile)
            told = {"unknown_exposure": scale.unknown_exposure, "note": scale.note}
            return LumaPicture.of(upright(judged, orientation), side, **told)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            yield image
    except UnidentifiedImageError as error:
        raise UnreadablePictureError("no image of a known format") from error
    except TooLargeError as error:
        raise UnreadablePictureError(str(error)) from error
    except MemoryError as error:
        raise UnreadablePictureError("needs more memory to decode than there is") from error
    except Exception as error:
        # Damaged data make decoders raise errors of any type.
        raise UnreadablePictureError(f"cannot be decoded: {str(error) or type(error).__name__}") from error


@contextmanager
def _decoded(image: Image.Image, path: Path, choose_scale: ChooseScale) -> Iterator[tuple[Image.Image, int]]:
    """Decode an opened image into 8 bits; the orientation comes with it. Its memory is held during the block."""
    form = read_format(image, path)
    with _BUDGET.hold(decoded_bytes(image, form is not None)):
        if form is None:
            orientation = _load(image)
            yield image, orientation
            return
        with _opened_again(image, path) as low_bytes:
            reader = SampleReader(image, low_bytes, form)
            orientation = _load(image)
            if low_bytes is not None:
                _load(low_bytes)
            survey = reader.survey()
            yield reader.toned(choose_scale(form, survey), survey.mode), orientation


def _load(image: Image.Image) -> int:
    """Decode an image and return the orientation in which its pixels then are."""
    exif = image.getexif()
    # Pillow turns by SHORT only, platform and upload also by what some cameras write instead.
    exif[ORIENTATION] = orientation = orientation_from_exif(exif)
    image.load()
    # Pillow turns a TIFF as it decodes it, and only a TIFF.
    return UPRIGHT if isinstance(image, TiffImageFile) else orientation


@contextmanager
def _opened_again(image: Image.Image, path: Path) -> Iterator[Image.Image | None]:
    if not SampleReader.has_halves(image):
        yield None
        return
    with Image.open(path, formats=FORMATS) as again:
        yield again


def _mode_of(image: Image.Image) -> str:
    if image.has_transparency_data:
        return "LA" if image.mode in ("1", "L", "LA") else "RGBA"
    if image.mode == "1":
        return "L"
    return image.mode if image.mode in _KEPT_MODES else "RGB"


def _whole_factor(image: Image.Image, side: int | None) -> int:
    """Factor by which an image can be reduced without its longest side falling below `side`."""
    return max(1, max(image.size) // side) if side else 1
