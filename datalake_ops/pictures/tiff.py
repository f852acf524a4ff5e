"""Directories of a TIFF, read without a decoder: pages, smaller renderings, and the marks of camera raw files.

Sources: TIFF 6.0, section 2; BigTIFF; DNG 1.7, chapter 2 and TIFF/EP (ISO 12234-2) for the raw files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

NEW_SUBFILE_TYPE, SUBFILE_TYPE, WIDTH, LENGTH, PHOTOMETRIC = 254, 255, 256, 257, 262
SUB_IFDS, DNG_VERSION = 330, 50706
_RAW_PHOTOMETRICS = frozenset({32803, 34892})  # colour filter array, linear raw
_ROLE_TAGS = (NEW_SUBFILE_TYPE, SUBFILE_TYPE, WIDTH, LENGTH, PHOTOMETRIC, SUB_IFDS, DNG_VERSION)
_REDUCED_SUBFILE = 2
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
# A file with more is damaged, or made to keep a reader busy.
_DIRECTORIES_AT_MOST = 100_000
_ENTRIES_AT_MOST = 4096


class DamagedTiffError(ValueError):
    """A directory lies outside the file or has no sensible number of entries; the text says which."""


@dataclass(frozen=True)
class Directory:
    """Tags of a directory that tell its role, each with its values."""

    tags: dict[int, tuple[int, ...]]

    def first(self, tag: int) -> int | None:
        """First value of a tag."""
        return next(iter(self.tags.get(tag, ())), None)

    @property
    def is_reduced(self) -> bool:
        """True for a smaller rendering of another picture of the file."""
        return bool((self.first(NEW_SUBFILE_TYPE) or 0) & 1) or self.first(SUBFILE_TYPE) == _REDUCED_SUBFILE

    @property
    def is_mask(self) -> bool:
        """True for a transparency mask of another picture of the file."""
        return bool((self.first(NEW_SUBFILE_TYPE) or 0) & 4)

    @property
    def is_page(self) -> bool:
        """True for a picture of its own: neither a smaller rendering nor a mask of another."""
        return not (self.is_reduced or self.is_mask)


@dataclass(frozen=True)
class TiffOutline:
    """Roles of a TIFF's directories: the main picture, pages, and whether it is a camera raw file.

    `main` is the index of the first page, in front of which previews may stand; 0 if there is none.
    """

    directories: tuple[Directory, ...]
    main: int
    is_camera_raw: bool

    @property
    def pages(self) -> int:
        """Number of pages, at least 1."""
        return sum(one.is_page for one in self.directories) or 1


def read_outline(file: BinaryIO, at_most: int = _DIRECTORIES_AT_MOST) -> TiffOutline:
    """Read the directories of a TIFF up to its main picture, and from that one on `at_most` of them, at least 2.

    Raises:
        DamagedTiffError: one of them lies outside the file.
    """
    reader = _Reader(file)
    directories: list[Directory] = []
    main: int | None = None
    for directory in reader.chain():
        directories.append(directory)
        if main is None and directory.is_page:
            main = len(directories) - 1
        if main is not None and len(directories) >= main + max(2, at_most):
            break
    return TiffOutline(tuple(directories), main or 0, _is_camera_raw(reader, directories, main))


def _is_camera_raw(reader: _Reader, directories: list[Directory], main: int | None) -> bool:
    # Raw files of every maker have previews in front, and the sensor's picture behind or below them.
    leading = directories[: (main or 0) + 2]
    below = [reader.read(offset)[0] for one in leading for offset in one.tags.get(SUB_IFDS, ())]
    photometrics = {one.first(PHOTOMETRIC) for one in (*leading, *below)}
    return (
        DNG_VERSION in directories[0].tags or bool(photometrics & _RAW_PHOTOMETRICS) or (main is None and bool(below))
    )


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        head = self._bytes(0, 16, 8)
        self._order = "<" if head[:2] == b"II" else ">"
        self._is_big = head[2:4] in (b"+\0", b"\0+")
        self._first = self._unpack("Q", head, 8) if self._is_big else self._unpack("I", head, 4)

    def chain(self) -> Iterator[Directory]:
        offset, seen = self._first, set[int]()
        while offset and offset not in seen and len(seen) < _DIRECTORIES_AT_MOST:
            seen.add(offset)
            directory, offset = self.read(offset)
            yield directory
        if not seen:
            raise DamagedTiffError("the TIFF has no directory")

    def read(self, offset: int) -> tuple[Directory, int]:
        """Directory at an offset, and the offset of the next one."""
        count_bytes, entry_bytes, link_bytes = (8, 20, 8) if self._is_big else (2, 12, 4)
        count = self._unpack("Q" if self._is_big else "H", self._bytes(offset, count_bytes))
        if not 0 < count <= _ENTRIES_AT_MOST:
            raise DamagedTiffError(f"the TIFF's directory at byte {offset:,} has {count:,} entries")
        start = offset + count_bytes
        # Some writers leave out the last link.
        content = self._bytes(start, count * entry_bytes + link_bytes, count * entry_bytes)
        tags = dict(self._entry(content[at : at + entry_bytes]) for at in range(0, count * entry_bytes, entry_bytes))
        link = content[count * entry_bytes :]
        following = self._unpack("Q" if self._is_big else "I", link) if len(link) == link_bytes else 0
        return Directory({tag: values for tag, values in tags.items() if values}), following

    def _entry(self, entry: bytes) -> tuple[int, tuple[int, ...]]:
        tag, kind = struct.unpack_from(f"{self._order}HH", entry)
        count = self._unpack("Q" if self._is_big else "I", entry, 4)
        letter = _NUMBERS.get(kind)
        # Only tags with a role are read out: pixel offsets may be megabytes.
        if letter is None or tag not in _ROLE_TAGS:
            return tag, (0,) if tag == DNG_VERSION else ()
        place = entry[12:] if self._is_big else entry[8:]
        layout = f"{self._order}{min(count, 16)}{letter}"
        if struct.calcsize(layout) > len(place):
            place = self._bytes(self._unpack("Q" if self._is_big else "I", place), struct.calcsize(layout))
        return tag, struct.unpack_from(layout, place)

    def _bytes(self, offset: int, count: int, at_least: int | None = None) -> bytes:
        try:
            self._file.seek(offset)
        except (OverflowError, ValueError, OSError) as error:
            raise DamagedTiffError(f"the TIFF names a directory at byte {offset:,}") from error
        content = self._file.read(count)
        if len(content) < (count if at_least is None else at_least):
            raise DamagedTiffError(f"the TIFF ends before its directory at byte {offset:,}")
        return content

    def _unpack(self, letter: str, content: bytes, at: int = 0) -> int:
        value: int = struct.unpack_from(f"{self._order}{letter}", content, at)[0]
        return value
