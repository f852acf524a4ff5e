"""Telling a thread that its run is over: Prefect's signals reach only the main thread and the event loop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_STOP: ContextVar[threading.Event | None] = ContextVar("datalake_stop", default=None)


class StopSignal(BaseException):
    """Nobody waits for this work any more; no `Exception`, so that what survives failures does not survive this."""


@contextmanager
def stop_threads_on_error() -> Iterator[None]:
    """Threads that are started within are asked to stop when the block is left by an error or a cancellation."""
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
    """Go on only while somebody waits for this work.

    Raises:
        Stopped: nobody does.
    """
    event = _STOP.get()
    if event is not None and event.is_set():
        raise StopSignal("The run that this work was done for has been stopped.")
