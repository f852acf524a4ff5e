"""Files opened and decoded: any failure becomes one error, and the memory is bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image

from datalake_ops.pictures.decoding.memory import MemoryBudget, TooLargeError, decoded_bytes, jxl_bytes
from datalake_ops.pictures.decoding.sample_format import SampleFormat, ValueScale, has_halves, read_format
from datalake_ops.pictures.exif import read_tags
from datalake_ops.pictures.inspection import UnreadablePictureError, size_if_decoded_at_once
from datalake_ops.pictures.inspection import opened as opened_file
from datalake_ops.wire.image_metadata import ORIENTATION, UPRIGHT
from datalake_ops.wire.media_types import SNIFF_BYTES, sniff

if TYPE_CHECKING:
    from datalake_ops.pictures.decoding.samples import Survey

# All pictures of a process share the memory.
_BUDGET = MemoryBudget()

# Opens the file anew, each time with a position of its own: a decoder may read it twice at once.
OpenFile = Callable[[], BinaryIO]
ChooseScale = Callable[[SampleFormat, "Survey"], ValueScale]


def opener(path: Path) -> OpenFile:
    """Opener of the file at a path."""
    return lambda: path.open("rb")


@contextmanager
def opened(open_file: OpenFile) -> Iterator[Image.Image]:
    """Open an image for the block, in which it may be decoded.

    Raises:
        UnreadablePictureError: it cannot be opened, or the block failed.
    """
    try:
        with open_file() as file, _memory_to_open(file), opened_file(file) as image:
            yield image
    except MemoryError as error:
        raise UnreadablePictureError("the image needs more memory to decode than there is") from error


@contextmanager
def decoded(image: Image.Image, open_file: OpenFile, choose_scale: ChooseScale) -> Iterator[tuple[Image.Image, int]]:
    """Decode an opened image into 8 bits; the orientation comes with it. Its memory is held during the block.

    Raises:
        UnreadablePictureError: it needs more memory than all pictures may take.
    """
    form = read_format(image, open_file)
    # A JPEG XL is decoded, and its memory held, since it was opened.
    with nullcontext() if image.format == "JXL" else _held(decoded_bytes(image, form is not None)):
        if form is None:
            orientation = _load(image, open_file)
            yield image, orientation
            return
        # Most pictures have 8 bits, and need no numpy.
        from datalake_ops.pictures.decoding.samples import SampleReader

        with _opened_again(image, open_file) as low_bytes:
            reader = SampleReader(image, low_bytes, form)
            orientation = _load(image, open_file)
            if low_bytes is not None:
                _load(low_bytes, open_file)
            survey = reader.survey()
            yield reader.toned(choose_scale(form, survey), survey.mode), orientation


def _memory_to_open(file: BinaryIO) -> AbstractContextManager[None]:
    content_type = sniff(file.read(SNIFF_BYTES))
    size = size_if_decoded_at_once(file, content_type or "")
    return nullcontext() if size is None else _held(jxl_bytes(*size))


def _held(size: int) -> AbstractContextManager[None]:
    try:
        return _BUDGET.hold(size)
    except TooLargeError as error:
        raise UnreadablePictureError(str(error)) from error


def _load(image: Image.Image, open_file: OpenFile) -> int:
    """Decode an image and return the orientation in which its pixels then are."""
    with open_file() as file:
        orientation = read_tags(image, file).orientation
    if image.format != "TIFF":
        image.load()
        return orientation
    # Pillow turns a TIFF as it decodes it, and only a TIFF; by SHORT alone, where others turn by BYTE too.
    image.getexif()[ORIENTATION] = orientation
    image.load()
    return UPRIGHT


@contextmanager
def _opened_again(image: Image.Image, open_file: OpenFile) -> Iterator[Image.Image | None]:
    if not has_halves(image):
        yield None
        return
    with opened(open_file) as again:
        yield again
