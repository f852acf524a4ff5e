"""Files opened and decoded: any failure becomes one error, and the memory is bounded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from datalake_ops.processings.decoding.memory import MemoryBudget, TooLargeError, decoded_bytes
from datalake_ops.processings.decoding.sample_format import SampleFormat, ValueScale, has_halves, read_format
from datalake_ops.wire.image_metadata import ORIENTATION, UPRIGHT, orientation_from_exif

if TYPE_CHECKING:
    from datalake_ops.processings.decoding.samples import Survey

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
# All pictures of a process share the memory.
_BUDGET = MemoryBudget()

ChooseScale = Callable[[SampleFormat, "Survey"], ValueScale]


class UnreadablePictureError(ValueError):
    """The file cannot be decoded; the text has the reason."""


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open an image for the block, in which it may be decoded.

    Raises:
        UnreadablePictureError: it cannot be opened, or the block failed.
    """
    try:
        with warnings.catch_warnings():
            # A large picture is no attack here, and the memory is bounded.
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
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
def decoded(image: Image.Image, path: Path, choose_scale: ChooseScale) -> Iterator[tuple[Image.Image, int]]:
    """Decode an opened image into 8 bits; the orientation comes with it. Its memory is held during the block."""
    form = read_format(image, path)
    with _BUDGET.hold(decoded_bytes(image, form is not None)):
        if form is None:
            orientation = _load(image)
            yield image, orientation
            return
        # Most pictures have 8 bits, and need no numpy.
        from datalake_ops.processings.decoding.samples import SampleReader

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
    return UPRIGHT if image.format == "TIFF" else orientation


@contextmanager
def _opened_again(image: Image.Image, path: Path) -> Iterator[Image.Image | None]:
    if not has_halves(image):
        yield None
        return
    with Image.open(path, formats=FORMATS) as again:
        yield again
