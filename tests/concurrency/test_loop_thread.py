from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import threading

import pytest

from datalake_ops.concurrency import loop_thread


async def forty_two() -> int:
    return 42


def test_it_returns_the_value_from_blocking_code_and_from_inside_a_running_loop() -> None:
    async def inside() -> int:
        return loop_thread.run(forty_two)

    assert loop_thread.run(forty_two) == 42
    assert asyncio.run(inside()) == 42


def test_it_raises_what_the_coroutine_raises() -> None:
    async def fail() -> None:
        raise LookupError("inside")

    with pytest.raises(LookupError, match="inside"):
        loop_thread.run(fail)


def test_the_caller_s_context_goes_along() -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("mine")

    async def read() -> str:
        return variable.get()

    assert loop_thread.run(read) == "mine"


def test_ticks_come_in_the_caller_s_thread() -> None:
    threads = []
    enough = threading.Event()

    def tick() -> None:
        threads.append(threading.current_thread())
        if len(threads) == 3:
            enough.set()

    async def wait() -> None:
        await asyncio.to_thread(enough.wait, 30)

    loop_thread.run(wait, tick, 0.001)

    assert set(threads) == {threading.current_thread()}


def test_an_interrupt_cancels_the_coroutine_and_waits_for_its_clean_up() -> None:
    cleaned = []

    async def wait() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        loop_thread.run(wait)

    assert cleaned == [True]
    assert not [thread for thread in threading.enumerate() if thread.name == "datalake-ops-loop"]
