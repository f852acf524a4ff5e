"""Garbage collection while many small objects come and go, as in an upload or a listing of thousands."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0


@contextmanager
def frozen_heap() -> Iterator[None]:
    """Let Python's collector look only at objects that are made inside, until the last of several such blocks ends.

    Each full collection otherwise visits all that the process has loaded, an orchestrator and its libraries among it,
    and a large upload has many of them. Nothing is lost by it: what was garbage before is collected afterwards. A
    process that froze its heap itself, such as one that forks, keeps it frozen.
    """
    owns = _enter()
    try:
        yield
    finally:
        if owns:
            _leave()


def _enter() -> bool:
    global _inside
    with _lock:
        if _inside == 0:
            if gc.get_freeze_count():
                return False
            gc.freeze()
        _inside += 1
        return True


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if _inside == 0:
            gc.unfreeze()
