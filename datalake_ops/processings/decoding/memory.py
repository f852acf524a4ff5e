"""Memory of decoded pictures: estimated by a picture's header, and bounded for all threads together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image
from PIL.TiffImagePlugin import ROWSPERSTRIP, TiffImageFile

from datalake_ops.wire.image_metadata import ORIENTATION

# The largest picture that Pillow opens, 179 million pixels, takes 683 MiB in RGB; the program itself some 150 MiB.
DECODING_BYTES = 800 * 2**20
_MIB = 2**20
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
_OTHER_MODES = 4
# Bytes of a pixel beside the image itself: two canvases of RGBA and a copy of one.
_ANIMATION = {"WEBP": 12, "GIF": 4}
# Bytes of a coefficient of a progressive JPEG, all of which are kept until the last scan.
_COEFFICIENT = 2
# Pixels that are converted at a time, and their bytes before and after.
_STRIP_PIXELS, _STRIP_BYTES = 1 << 22, 8


class TooLargeError(ValueError):
    """A picture needs more memory than all pictures may take together."""


class MemoryBudget:
    """Bytes that threads share; who asks first gets them first, so that a large picture is not overtaken for ever."""

    def __init__(self, size: int = DECODING_BYTES) -> None:
        self.size = size
        self._free = size
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Wait until that many bytes are free, and hold them during the block.

        Raises:
            TooLargeError: they never will be.
        """
        if size > self.size:
            raise TooLargeError(
                f"needs about {size // _MIB:,} MiB of memory to decode; this program takes {self.size // _MIB:,} MiB "
                "at most, for all pictures together"
            )
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            self._changed.wait_for(lambda: self._queue[0] is ticket and size <= self._free)
            self._queue.popleft()
            self._free -= size
            # The next one may fit too.
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()


def decoded_bytes(image: Image.Image, is_deep: bool = False) -> int:
    """Bytes that decoding an opened image takes at its peak; a JPEG is to have its reduced size already (`draft`).

    Of a deep one there are the samples, in two halves if they are colours, and the picture of 8 bits.
    """
    pixels = image.width * image.height
    size = pixels * _MODE_BYTES.get(image.mode, _OTHER_MODES)
    if is_deep:
        size = 3 * size if image.mode in ("RGB", "RGBA") else size + pixels
    size += min(pixels, _STRIP_PIXELS) * _STRIP_BYTES
    size += pixels * _ANIMATION.get(image.format or "", 0) + _coefficients(image)
    if isinstance(image, TiffImageFile):
        # Pillow turns a TIFF into a second image, and libtiff decodes whole strips.
        size *= 2 if image.tag_v2.get(ORIENTATION, 1) != 1 else 1
        rows = image.tag_v2.get(ROWSPERSTRIP, 0)
        size += min(rows, image.height) * image.width * _OTHER_MODES
    return size


def _coefficients(image: Image.Image) -> int:
    layers = getattr(image, "layer", ())
    if "progressive" not in image.info or not layers:
        return 0
    across, down = max(layer[1] for layer in layers), max(layer[2] for layer in layers)
    share = sum(layer[1] * layer[2] for layer in layers) / (across * down)
    width, height = _full_size(image)
    return int(width * height * share * _COEFFICIENT)


def _full_size(image: Image.Image) -> tuple[int, int]:
    scale = (getattr(image, "decoderconfig", None) or (1,))[0]
    return image.width * scale, image.height * scale
