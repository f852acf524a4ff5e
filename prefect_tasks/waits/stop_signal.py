"""Stop signal for threads of a run: Prefect's signals reach only the main thread and the event loop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_STOP: ContextVar[threading.Event | None] = ContextVar("datalake_stop", default=None)


class StopSignal(BaseException):
    """The work is not wanted any more; no `Exception`, so that code that survives failures does not survive it."""


@contextmanager
def stop_threads_on_error() -> Iterator[None]:
    """Stop threads that are started within the block when it is left by an error or a cancellation."""
    event = threading.Event()
    token = _STOP.set(event)
    try:
        yield
    except BaseException:
        event.set()
        raise
    finally:
        _STOP.reset(token)


def raise_if_stopped() -> None:
    """Raise if the work of this thread is not wanted any more.

    Raises:
        StopSignal: the block of `stop_threads_on_error` was left.
    """
    event = _STOP.get()
    if event is not None and event.is_set():
        raise StopSignal("The run that this work was done for has been stopped.")
