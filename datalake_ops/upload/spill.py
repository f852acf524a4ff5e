"""A sequence that keeps its first items in memory and the rest in a temporary file."""

from __future__ import annotations

import pickle
import tempfile
import threading
import weakref
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import eq
from typing import IO, Any, Generic, TypeVar, overload

T = TypeVar("T")
NO_MARK = 255


@dataclass(frozen=True)
class Packing(Generic[T]):
    """How items go into the file and come back, and the mark (0 to 254) by which they can be chosen unread."""

    pack: Callable[[T], Any]
    unpack: Callable[[Any], T]
    mark: Callable[[T], int]


class Spill(Sequence[T]):
    """Items by index, put in any order; costs 9 bytes of memory an item beyond the first `in_memory`.

    Thread-safe, and picklable: it travels as a tuple of all its items.
    """

    def __init__(self, packing: Packing[T], in_memory: int) -> None:
        self._packing = packing
        self._room = in_memory
        self._near: dict[int, T] = {}
        self._marks = bytearray()
        self._offsets = array("q")
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()

    def put(self, index: int, item: T) -> None:
        """Keep an item; a second one of the same index replaces the first.

        Raises:
            OSError: the temporary file cannot be written.
        """
        with self._lock:
            missing = index + 1 - len(self._marks)
            if missing > 0:
                self._marks.extend([NO_MARK] * missing)
                self._offsets.extend([0] * missing)
            if index in self._near or len(self._near) < self._room:
                self._near[index] = item
            else:
                self._offsets[index] = self._write(item)
            self._marks[index] = self._packing.mark(item)

    def mark(self, index: int) -> int | None:
        """The mark of the item of this index; None when there is none."""
        if index >= len(self._marks) or self._marks[index] == NO_MARK:
            return None
        return self._marks[index]

    def marks(self) -> Iterator[int]:
        """The marks of all items, in order."""
        return iter(self._marks)

    def marked(self, marks: Collection[int]) -> Iterator[T]:
        """The items with one of these marks, in order."""
        for index, mark in enumerate(self._marks):
            if mark in marks:
                yield self._at(index)

    def drop(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._near.clear()
            self._marks.clear()
            self._offsets = array("q")
            if self._file is not None:
                self._file.close()
                self._file = None

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
        return f"<{len(self)} items>"

    def _write(self, item: T) -> int:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="datalake-ops-")  # noqa: SIM115
            weakref.finalize(self, self._file.close)
        offset = self._file.seek(0, 2)
        pickle.dump(self._packing.pack(item), self._file, pickle.HIGHEST_PROTOCOL)
        return offset

    def _at(self, index: int) -> T:
        with self._lock:
            if self.mark(index) is None or index < 0:
                raise IndexError(f"there is no item {index} of {len(self)}")
            if index in self._near:
                return self._near[index]
            if self._file is None:
                raise IndexError(f"item {index} was let go of")
            self._file.seek(self._offsets[index])
            # This process made the file, and it has no name: nobody else writes there.
            packed = pickle.load(self._file)  # noqa: S301
        return self._packing.unpack(packed)
