"""Event loop in a thread of its own, for blocking code, also inside a running event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def run(
    main: Callable[[], Coroutine[Any, Any, T]], tick: Callable[[], None] | None = None, interval: float | None = None
) -> T:
    """Run `main()` in an event loop of its own thread and return its value; blocks.

    `tick` is called in the calling thread every `interval` seconds meanwhile. Whatever interrupts the caller
    (KeyboardInterrupt, an orchestrator's cancellation, an exception of `tick`) cancels the coroutine, waits until it
    has cleaned up, and is raised.
    """
    job = _Job(main)
    try:
        job.thread.start()
        while not job.ended.wait(interval):
            if tick is not None:
                tick()
    except BaseException:
        job.stop()
        raise
    job.thread.join()
    return job.result()


class _Job(Generic[T]):
    def __init__(self, main: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._main = main
        self._task: asyncio.Task[T] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._abandoned = False
        self._value: list[T] = []
        self._error: BaseException | None = None
        self.ended = threading.Event()
        # The caller's context is copied, so that log handlers of orchestrators still know the task.
        context = contextvars.copy_context()
        self.thread = threading.Thread(target=context.run, args=(self._run,), name="datalake-ops-loop", daemon=True)

    def stop(self) -> None:
        """Cancel the coroutine and wait for its end."""
        # Written before the task is read; `_supervised` writes the task before it reads this: one of the two cancels.
        self._abandoned = True
        if self._loop is not None and self._task is not None:
            # The loop may close between the check and the call; then there is nothing left to cancel.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._task.cancel)
        if self.thread.ident is not None:
            self.thread.join()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value[0]

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                self._value.append(runner.run(self._supervised()))
        # Any error is raised in the calling thread.
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
            self._error = error
        finally:
            self.ended.set()

    async def _supervised(self) -> T:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._main())
        if self._abandoned:
            self._task.cancel()
        return await self._task


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    # uvloop halves the CPU time of a request. There is none for Windows, where asyncio's own loop runs.
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
