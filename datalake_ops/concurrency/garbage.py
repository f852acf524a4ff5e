"""Garbage collection while many small objects come and go, as in an upload or a listing of thousands."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _FrozenHeap:
    """Count of the blocks that keep the heap frozen, in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0

    def enter(self) -> bool:
        """Freeze the heap for the first block; returns False if the process froze it itself."""
        with self._lock:
            if self._inside == 0:
                if gc.get_freeze_count():
                    return False
                gc.freeze()
            self._inside += 1
            return True

    def leave(self) -> None:
        """Thaw the heap after the last block."""
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                gc.unfreeze()


_HEAP = _FrozenHeap()


@contextmanager
def frozen_heap() -> Iterator[None]:
    """Let Python's collector look only at objects that are made inside, until the last of several such blocks ends.

    Each full collection otherwise visits all that the process has loaded, an orchestrator and its libraries among it,
    and a large upload has many of them. Nothing is lost by it: what was garbage before is collected afterwards. A
    process that froze its heap itself, such as one that forks, keeps it frozen.
    """
    owns = _HEAP.enter()
    try:
        yield
    finally:
        if owns:
            _HEAP.leave()
