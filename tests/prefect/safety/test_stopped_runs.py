"""Runs that are cancelled in the server or take too long: their jobs are cancelled."""

from __future__ import annotations

from uuid import uuid4

from tests.prefect.safety.stories import story
from tests.prefect.safety.world import (
    BY_THE_WAIT,
    KILLED,
    MARKS,
    PATIENCE,
    POOL,
    RUNNING,
    Story,
    World,
    wait_until,
)

pytestmark = MARKS


def cancelled(world: World, deployment: str) -> Story:
    stopped = world.start(deployment)
    stopped.await_the_wait()

    stopped.cancel()

    stopped.await_jobs(KILLED)
    stopped.await_state("Cancelled")
    stopped.says(BY_THE_WAIT)
    return stopped


@story
def test_cancelling_a_script_cancels_its_job_though_nobody_signals_it(world: World) -> None:
    stopped, process = world.script()
    stopped.await_the_wait()

    stopped.cancel()

    assert process.wait(PATIENCE) != 0
    stopped.await_jobs(KILLED)
    assert BY_THE_WAIT in stopped.printed()


@story
def test_cancelling_a_served_run_cancels_its_job(world: World) -> None:
    cancelled(world, "direct/served")


@story
def test_cancelling_a_pooled_run_cancels_its_job(world: World) -> None:
    cancelled(world, f"direct/{POOL}")


@story
def test_cancelling_a_run_whose_wait_was_submitted_cancels_its_job(world: World) -> None:
    cancelled(world, f"submitted/{POOL}")


@story
def test_cancelling_an_async_run_cancels_its_job(world: World) -> None:
    cancelled(world, f"awaited/{POOL}")


@story
def test_cancelling_a_run_cancels_the_job_of_its_subflow(world: World) -> None:
    stopped = world.start(f"outer/{POOL}")
    wait_until("the subflow waits", lambda: bool(stopped.lines()))
    root = Story(world, stopped.path, stopped.run_id)
    root.await_jobs(RUNNING)

    root.cancel()

    root.await_jobs(KILLED)
    root.await_state("Cancelled")


def too_late(world: World, deployment: str) -> None:
    late = world.start(deployment)

    # A flow whose task ran out of time is called so too.
    late.await_state("TimedOut")

    late.await_jobs(KILLED)
    late.says(BY_THE_WAIT)


@story
def test_a_run_that_takes_too_long_loses_its_job(world: World) -> None:
    too_late(world, "hasty/served")


@story
def test_an_async_run_that_takes_too_long_loses_its_job(world: World) -> None:
    too_late(world, "ahasty/served")


@story
def test_a_task_that_waits_too_long_loses_its_job(world: World) -> None:
    too_late(world, "impatient/served")


@story
def test_cancelling_a_guarded_run_cancels_the_jobs_it_does_not_wait_for_and_spares_the_detached(world: World) -> None:
    stopped = world.start(f"guarded/{POOL}")
    stopped.await_jobs(RUNNING, RUNNING)

    stopped.cancel()

    stopped.await_state("Cancelled")
    stopped.await_jobs(KILLED, RUNNING)


@story
def test_a_run_that_is_stopped_inside_a_transaction_undoes_what_it_did(world: World) -> None:
    tag = f"undone-{uuid4().hex[:8]}"
    stopped = world.start(f"compensating/{POOL}", tag=tag)
    stopped.await_jobs(RUNNING)
    assert world.lake.count_data(tags=[tag]) == 2

    stopped.cancel()

    stopped.await_jobs(KILLED)
    stopped.await_state("Cancelled")
    assert world.lake.count_data(tags=[tag]) == 0
