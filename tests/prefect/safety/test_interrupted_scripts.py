"""Plain scripts that a signal stops: their jobs are cancelled, what a transaction did is undone."""

from __future__ import annotations

import signal
from uuid import uuid4

from tests.prefect.safety.stories import story
from tests.prefect.safety.world import (
    BY_THE_WAIT,
    KILLED,
    MARKS,
    PATIENCE,
    World,
)

pytestmark = MARKS


def interrupted(world: World, number: signal.Signals, flow: str = "direct", *arguments: str) -> None:
    stopped, process = world.script(flow, *arguments)
    stopped.await_the_wait()

    process.send_signal(number)

    assert process.wait(PATIENCE) != 0
    stopped.await_jobs(KILLED)
    stopped.await_state("Crashed")
    assert BY_THE_WAIT in stopped.printed()


@story
def test_ctrl_c_cancels_the_job_of_a_script(world: World) -> None:
    interrupted(world, signal.SIGINT)


@story
def test_sigterm_cancels_the_job_of_a_script(world: World) -> None:
    interrupted(world, signal.SIGTERM)


@story
def test_ctrl_c_cancels_the_job_of_an_async_script(world: World) -> None:
    interrupted(world, signal.SIGINT, "awaited")


@story
def test_sigterm_cancels_the_job_of_an_async_script(world: World) -> None:
    interrupted(world, signal.SIGTERM, "awaited")


@story
def test_sigterm_cancels_the_job_of_a_script_whose_wait_was_submitted(world: World) -> None:
    interrupted(world, signal.SIGTERM, "submitted")


@story
def test_sigterm_inside_a_transaction_undoes_what_a_script_did(world: World) -> None:
    tag = f"undone-{uuid4().hex[:8]}"

    interrupted(world, signal.SIGTERM, "compensating", tag)

    assert world.lake.count_data(tags=[tag]) == 0
