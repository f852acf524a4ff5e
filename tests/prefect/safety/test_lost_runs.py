"""Runs whose process, worker or platform is lost: no job of them goes on, and none is lost that is well."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from uuid import uuid4

from prefect.states import Scheduled
from pydantic import SecretStr

from datalake_ops.demo.photographs import SHIPPED
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.services import PostgresServer
from prefect_tasks import DatalakeCredentials
from tests.prefect.safety.preparation import a_platform, add_processings
from tests.prefect.safety.stories import Telling, story
from tests.prefect.safety.world import (
    DOOMED_POOL,
    KILLED,
    MARKS,
    PATIENCE,
    POOL,
    RUNNING,
    SUCCEEDED,
    ZOMBIE_SECONDS,
    World,
    wait_until,
)
from tests.prefect.secrets_search import assert_nothing_holds

pytestmark = MARKS


@story
def test_a_run_that_is_lost_with_its_worker_loses_its_job(world: World) -> None:
    worker = world.server.run(
        ["-m", "prefect", "worker", "start", "--pool", DOOMED_POOL], "doomed-worker", world.environment
    )
    lost = world.start(f"direct/{DOOMED_POOL}")
    lost.await_jobs(RUNNING)

    kill_with_children(worker.pid)

    lost.await_state("Crashed", seconds=ZOMBIE_SECONDS + PATIENCE)
    lost.await_jobs(KILLED)
    assert len(lost.reaped()) == 1


@story
def test_a_script_that_is_killed_loses_its_job(world: World) -> None:
    lost, process = world.script()
    lost.await_jobs(RUNNING)

    process.kill()

    lost.await_state("Crashed", seconds=ZOMBIE_SECONDS + PATIENCE)
    lost.await_jobs(KILLED)
    assert len(lost.reaped()) == 1


@story
def test_a_guarded_run_whose_process_is_killed_leaves_no_job(world: World) -> None:
    stopped = world.start(f"guarded/{POOL}")
    stopped.await_jobs(RUNNING, RUNNING)

    stopped.kill()

    stopped.await_state("Crashed")
    stopped.await_jobs(KILLED, RUNNING)


@story
def test_a_suspended_run_whose_last_heartbeat_came_late_is_not_lost(world: World) -> None:
    run = world.start(f"suspended/{POOL}")
    run.await_suspension()

    run.send_heartbeats_until_missed(ZOMBIE_SECONDS)

    assert run.run().state_name == "Suspended"
    world.end(run.job())
    run.await_state("Completed")
    assert run.job().status is SUCCEEDED


@story
def test_a_wait_outlives_a_platform_that_is_down_for_a_minute(world: World) -> None:
    with a_platform(world.ends) as platform, platform.hook() as lake:
        add_processings(platform)
        lake.upload(sorted(SHIPPED.glob("*.jpg"))[:1], tags=["ingested"])
        name = f"other-{uuid4().hex[:8]}"
        DatalakeCredentials(host=platform.url, api_token=SecretStr(platform.token)).save(name)
        waiting = world.start(f"patient/{POOL}", credentials=name)
        waiting.lake = lake
        waiting.await_jobs(RUNNING)

        platform.kill()
        time.sleep(60)
        start_again(platform)

        world.end(waiting.job())
        waiting.await_state("Completed")
        assert waiting.job().status is SUCCEEDED


def start_again(platform: PlatformServer) -> None:
    """Start a platform on its port, which a connection of another program may hold for a moment."""
    try:
        platform.start()
    except RuntimeError as refused:
        if "in use" not in str(refused):
            raise
        time.sleep(5)
        platform.start()


@story
def test_a_run_that_is_retried_by_a_person_finds_its_job(world: World) -> None:
    run = world.start(f"unlucky/{POOL}")
    run.await_state("Failed")
    run.await_exit()
    assert run.job().status is RUNNING

    world.client.set_flow_run_state(run.run_id, Scheduled(), force=True)  # type: ignore[arg-type]
    wait_until("the third try", lambda: len(run.lines()) == 3)
    world.end(run.job())

    run.await_state("Completed")
    assert run.job().status is SUCCEEDED


def test_no_token_is_in_the_database_the_results_or_the_logs(
    telling: Telling, world: World, shared_postgres: PostgresServer | None
) -> None:
    assert_nothing_holds(world.platform.token, world.server.home, shared_postgres)


def kill_with_children(pid: int) -> None:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(pid, signal.SIGKILL)
    for child in children:
        with contextlib.suppress(OSError):
            kill_with_children(int(child))
