"""Parser of the `Range` header (RFC 9110 section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class UnsatisfiableRangeError(ValueError):
    """The range lies behind the end of the object."""


@dataclass(frozen=True)
class ByteRange:
    """Bytes from `start` to `end`, both inclusive."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.end - self.start + 1


def read_range(header: str | None, size: int) -> ByteRange | None:
    """Parse the one range of an object of `size` bytes; None for the whole object.

    A header with several ranges, or with an invalid one, is answered with the whole object, as the RFC allows.

    Raises:
        UnsatisfiableRangeError: the range starts behind the end.
    """
    match = _ONE_RANGE.fullmatch((header or "").replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last) if last else size - 1, size - 1)
        if last and int(last) < start:
            return None
    if start > end:
        raise UnsatisfiableRangeError
    return ByteRange(start, end)
