"""Runs that wait without a process: each is resumed once, has one job, and loses it when it is stopped."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

from prefect.client.schemas.objects import FlowRun

from tests.prefect.safety.stories import story
from tests.prefect.safety.world import (
    KILLED,
    MARKS,
    POOL,
    RUNNING,
    SUCCEEDED,
    World,
    wait_until,
)

pytestmark = MARKS


@story
def test_a_run_is_suspended_while_its_jobs_run_and_resumed_once(world: World) -> None:
    run = world.start(f"suspended/{POOL}", count=2)
    run.await_jobs(RUNNING, RUNNING)
    run.await_suspension()
    first, second = run.jobs()

    world.end(first)
    time.sleep(15)
    assert run.run().state_name == "Suspended"
    world.end(second)

    run.await_state("Completed")
    assert Counter(run.states())["Resuming"] == 1
    assert len(run.lines()) == 2
    assert [job.status for job in run.jobs()] == [SUCCEEDED, SUCCEEDED]


@story
def test_a_watcher_that_is_killed_is_followed_by_one_that_misses_nothing(world: World) -> None:
    run = world.start(f"suspended/{POOL}")
    run.await_state("Suspended")
    wait_until("a watcher runs", lambda: watcher_of(world) is not None)
    killed = watcher_of(world)
    assert killed is not None

    os.kill(process_of(killed), signal.SIGKILL)
    world.end(run.job())

    run.await_state("Completed")
    assert run.job().status is SUCCEEDED
    wait_until("the watcher has crashed", lambda: world.client.read_flow_run(killed.id).state_name == "Crashed")


@story
def test_a_run_waits_for_one_job_after_the_other(world: World) -> None:
    run = world.start(f"stepwise/{POOL}")
    for number in (1, 2):
        wait_until("the job is there", lambda number=number: len(run.jobs()) == number)
        wait_until("the run is suspended again", lambda number=number: Counter(run.states())["Suspended"] == number)

        world.end(run.jobs()[-1])

    run.await_state("Completed")
    assert Counter(run.states())["Resuming"] == 2
    assert [job.status for job in run.jobs()] == [SUCCEEDED, SUCCEEDED]


@story
def test_several_runs_wait_for_one_job(world: World) -> None:
    first = world.start(f"suspended/{POOL}")
    first.await_jobs(RUNNING)
    other = world.start(f"joining/{POOL}", job=str(first.job().id))
    for run in (first, other):
        run.await_state("Suspended")

    world.end(first.job())

    for run in (first, other):
        run.await_state("Completed")
    assert [len(run.jobs()) for run in (first, other)] == [1, 0]


@story
def test_an_async_run_suspends_itself_after_a_while_with_another_wait_going_on(world: World) -> None:
    run = world.start(f"asuspended/{POOL}")
    run.await_state("Suspended")
    run.await_jobs(RUNNING, RUNNING)

    for job in run.jobs():
        world.end(job)

    run.await_state("Completed")
    assert [job.status for job in run.jobs()] == [SUCCEEDED, SUCCEEDED]


@story
def test_the_run_of_a_job_block_is_waited_for_suspended(world: World) -> None:
    run = world.start(f"by-block/{POOL}")
    run.await_state("Suspended")

    world.end(run.job())

    run.await_state("Completed")
    assert run.job().status is SUCCEEDED


@story
def test_a_wait_that_is_over_while_suspended_fails_the_run_and_cancels_its_job(world: World) -> None:
    run = world.start(f"suspended/{POOL}", timeout=150.0)
    run.await_state("Suspended")

    run.await_state("TimedOut")

    assert "had not ended when" in str(run.run().state.message)  # type: ignore[union-attr]
    run.await_jobs(KILLED)


@story
def test_a_run_that_is_cancelled_while_suspended_loses_its_job(world: World) -> None:
    run = world.start(f"suspended/{POOL}")
    run.await_suspension()

    run.cancel()

    run.await_state("Cancelled")
    run.await_jobs(KILLED)
    assert len(run.reaped()) == 1
    assert len(run.lines()) == 1


def watcher_of(world: World) -> FlowRun | None:
    """The run that watches, once its worker has told its process."""
    runs = world.runs("job-watcher")
    return next((run for run in runs if run.state_name == "Running" and run.infrastructure_pid), None)


def process_of(run: FlowRun) -> int:
    """The process id of a run, which a worker tells alone or after the name of its machine."""
    return int(str(run.infrastructure_pid).rpartition(":")[2])
