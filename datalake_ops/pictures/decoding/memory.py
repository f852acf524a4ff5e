"""Memory of decoded pictures: estimated by a picture's header, and bounded for all threads together."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from PIL import Image

from datalake_ops.wire.image_metadata import ORIENTATION, UPRIGHT

_MIB = 2**20
# The largest picture that Pillow opens, 179 million pixels, takes 683 MiB in RGB; the program itself some 150 MiB.
DECODING_BYTES = 800 * _MIB
# Limits of a container's memory, by version 2 and version 1 of control groups.
_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
_OTHER_MODES = 4
# Bytes of a pixel that a decoder takes beside the image itself: canvases, planes of other colours, copies.
_DECODER_BYTES = {"WEBP": 12, "GIF": 4, "AVIF": 12, "HEIF": 12, "JXL": 12, "JPEG2000": 16}
# Bytes of a coefficient of a progressive JPEG, all of which are kept until the last scan.
_COEFFICIENT = 2
# Tags of TIFF 6.0.
_BITS_PER_SAMPLE, _COMPRESSION, _ROWS_PER_STRIP = 258, 259, 278
_UNCOMPRESSED = 1
# Pixels that are converted at a time, and their bytes before and after.
_STRIP_PIXELS, _STRIP_BYTES = 1 << 22, 8


class TooLargeError(ValueError):
    """A picture needs more memory than all pictures may take together."""


class MemoryBudget:
    """Bytes that threads share, half of the machine's at most.

    Who asks first gets them first, so that a large picture is not overtaken for ever.
    """

    def __init__(self, size: int | None = None) -> None:
        # A program that took more than there is would be killed, with all its results.
        size = min(DECODING_BYTES, _machine_bytes() // 2) if size is None else size
        self.size = size
        self._free = size
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    def hold(self, size: int) -> AbstractContextManager[None]:
        """Hold that many bytes during the block, at whose beginning it waits until they are free.

        Raises:
            TooLargeError: they never will be.
        """
        if size > self.size:
            raise TooLargeError(
                f"the image needs about {size // _MIB:,} MiB of memory to decode; this program takes "
                f"{self.size // _MIB:,} MiB at most, for all pictures together"
            )
        return self._held(size)

    @contextmanager
    def _held(self, size: int) -> Iterator[None]:
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


def _machine_bytes() -> int:
    """Memory of this machine, or of the container."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")] if hasattr(os, "sysconf") else []
    for name in _CONTAINER_LIMITS:
        # The file has a word in it where there is no limit.
        with suppress(OSError, ValueError):
            found.append(int(Path(name).read_text()))
    return min(found, default=4 * DECODING_BYTES)


def decoded_bytes(image: Image.Image, is_deep: bool = False) -> int:
    """Bytes that decoding an opened image takes at its peak; a JPEG is to have its reduced size already (`draft`).

    Of a deep one there are the samples, in two halves if they are colours, and the picture of 8 bits.
    """
    pixels = image.width * image.height
    size = pixels * _MODE_BYTES.get(image.mode, _OTHER_MODES)
    if is_deep:
        size = 3 * size if image.mode in ("RGB", "RGBA") else size + pixels
    size += min(pixels, _STRIP_PIXELS) * _STRIP_BYTES
    size += pixels * _DECODER_BYTES.get(image.format or "", 0) + _coefficients(image)
    if image.format == "TIFF":
        tags = cast("Any", image).tag_v2
        # Pillow turns a TIFF into a second image, and libtiff decodes whole strips.
        size *= 2 if tags.get(ORIENTATION, UPRIGHT) != UPRIGHT else 1
        size += _strip_bytes(image, tags) if tags.get(_COMPRESSION, _UNCOMPRESSED) != _UNCOMPRESSED else 0
    return size


def jxl_bytes(width: int, height: int) -> int:
    """Bytes that a JPEG XL takes at its peak at most, known before it is opened, since that decodes it."""
    pixels = width * height
    return pixels * (_OTHER_MODES + 1 + _DECODER_BYTES["JXL"]) + min(pixels, _STRIP_PIXELS) * _STRIP_BYTES


def _strip_bytes(image: Image.Image, tags: Mapping[int, Any]) -> int:
    bits = sum(tags.get(_BITS_PER_SAMPLE, (8,)))
    return int(min(tags.get(_ROWS_PER_STRIP, image.height), image.height) * image.width * bits / 8)


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
