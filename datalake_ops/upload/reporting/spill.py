"""Spill list: a sequence with its first items in memory and the rest in a temporary file."""

from __future__ import annotations

import logging
import pickle
import tempfile
import threading
import weakref
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import eq
from typing import IO, Any, Generic, TypeVar, overload

logger = logging.getLogger(__name__)
T = TypeVar("T")
NO_MARK = 255
# Bytes of an item's length in the file.
_LENGTH = 4


@dataclass(frozen=True)
class Packing(Generic[T]):
    """Serialization of items, and the mark (0 to 254) by which they can be chosen without being read."""

    pack: Callable[[T], Any]
    unpack: Callable[[Any], T]
    mark: Callable[[T], int]


class SpillList(Sequence[T]):
    """Items by index, set in any order; takes 9 bytes of memory an item beyond the first `in_memory`.

    An item that cannot be written to the disk stays in memory, which is logged once. Thread-safe, and picklable as a
    tuple of all its items.
    """

    def __init__(self, packing: Packing[T], in_memory: int) -> None:
        self._packing = packing
        self._memory_limit = in_memory
        self._in_memory: dict[int, T] = {}
        self._marks = bytearray()
        self._offsets = array("q")
        self._file: IO[bytes] | None = None
        self._end = 0
        self._logged = False
        self._lock = threading.Lock()

    def put(self, index: int, item: T) -> None:
        """Set an item; a second one of the same index replaces the first."""
        with self._lock:
            missing = index + 1 - len(self._marks)
            if missing > 0:
                self._marks.extend([NO_MARK] * missing)
                self._offsets.extend([0] * missing)
            if index in self._in_memory or len(self._in_memory) < self._memory_limit or not self._write(index, item):
                self._in_memory[index] = item
            self._marks[index] = self._packing.mark(item)

    def mark(self, index: int) -> int | None:
        """Return the mark of the item of this index; None when there is none."""
        if index >= len(self._marks) or self._marks[index] == NO_MARK:
            return None
        return self._marks[index]

    def marks(self) -> Iterator[int]:
        """Iterate over the marks of all items, in order."""
        return iter(self._marks)

    def marked(self, marks: Collection[int]) -> Iterator[T]:
        """Iterate over the items with one of these marks, in order."""
        for index, mark in enumerate(self._marks):
            if mark in marks:
                yield self._at(index)

    def drop(self) -> None:
        """Delete all items."""
        with self._lock:
            self._in_memory.clear()
            self._marks.clear()
            self._offsets = array("q")
            if self._file is not None:
                self._file.close()
                self._file, self._end = None, 0

    def __len__(self) -> int:
        return len(self._marks)

    def __iter__(self) -> Iterator[T]:
        return (self._at(index) for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...

    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple(self._at(one) for one in range(*index.indices(len(self))))
        return self._at(index + len(self) if index < 0 else index)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment] # It grows.

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (list(self),)

    def __repr__(self) -> str:
        # A traceback may show one that was not made to its end.
        return f"<{len(getattr(self, '_marks', ()))} items>"

    def _write(self, index: int, item: T) -> bool:
        packed = pickle.dumps(self._packing.pack(item), pickle.HIGHEST_PROTOCOL)
        left = memoryview(len(packed).to_bytes(_LENGTH, "big") + packed)
        offset = self._end
        try:
            if self._file is None:
                # Unbuffered, so that a failed write is known at once, and with it the item.
                self._file = tempfile.TemporaryFile(prefix="datalake-ops-", buffering=0)  # noqa: SIM115
                weakref.finalize(self, self._file.close)
            self._file.seek(offset)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            if not self._logged:
                self._logged = True
                logger.warning(
                    "The rows of a report stay in memory, because they cannot be written to the disk: %s", error
                )
            return False
        self._offsets[index] = offset
        self._end = self._file.tell()
        return True

    def _at(self, index: int) -> T:
        with self._lock:
            if self.mark(index) is None or index < 0:
                raise IndexError(f"there is no item {index} of {len(self)}")
            if index in self._in_memory:
                return self._in_memory[index]
            if self._file is None:
                raise IndexError(f"item {index} was deleted")
            self._file.seek(self._offsets[index])
            length = int.from_bytes(self._file.read(_LENGTH), "big")
            # This process made the file, and it has no name: no other process writes to it.
            packed = pickle.loads(self._file.read(length))  # noqa: S301
        return self._packing.unpack(packed)
