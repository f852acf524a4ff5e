"""However a flow run is stopped or lost, no job of it goes on; however it waits, retries or resumes, it has one job.

The stories of all chosen tests are told side by side, for each of them mostly waits; every test hears how its own went.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Scheduled
from pydantic import SecretStr

from datalake_ops.demo.photographs import SHIPPED
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import PrefectServer
from datalake_ops.testing.services import PostgresServer
from datalake_ops.wire import routes
from datalake_ops.wire.jobs import JobStatus
from prefect_tasks import DatalakeCredentials
from prefect_tasks.safety.automations import REAP, RESUME, ZOMBIES
from tests.prefect.safety_world import FLOWS, PATIENCE, Story, Telling, Told, World, wait_until
from tests.prefect.secrets_search import assert_nothing_holds

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(7200)]
POOL, DOOMED_POOL = "local", "doomed"
# Four heartbeats: one that comes late must not crash a run that is well.
ZOMBIE_SECONDS = 120
KILLED, RUNNING, SUCCEEDED = JobStatus.KILLED, JobStatus.RUNNING, JobStatus.SUCCEEDED
# Prefect kills a cancelled run after 30 s: only a wait that was in time can say so.
BY_THE_WAIT = "because its wait was stopped"


def story(told: Told) -> Callable[[Telling], None]:
    """A test whose story is told beside the others', before the module's first test."""

    def test(telling: Telling) -> None:
        telling.hear(told.__name__)

    vars(test)["story"] = told
    return test


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer | None) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("notes")
    database = postgres.url("postgresql+asyncpg") if postgres else None
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as ends_name,
        a_platform(ends := Path(ends_name)) as platform,
        platform.hook() as lake,
        PrefectServer(database_url=database) as server,
        temporary_settings({PREFECT_API_URL: server.api_url}),
    ):
        environment = {
            "DATALAKE_HOST": platform.url,
            "DATALAKE_API_TOKEN": platform.token,
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        }
        world = World(server, platform, lake, folder, ends, environment)
        lake.upload(sorted(SHIPPED.glob("*.jpg"))[:2], tags=["ingested"])
        DatalakeCredentials.from_connection(lake.connection).save("datalake")
        prepare(world)
        yield world


def a_platform(ends: Path) -> PlatformServer:
    program = str(Path(__file__).with_name("job_program.py"))
    words = [
        word
        for name, how in (("patient", "wait"), ("until-told", "until-told"))
        for word in ("--program", f"tests/{name}={shlex.join([sys.executable, program, how, str(ends)])}")
    ]
    return PlatformServer(arguments=[*words, "--cpus", "64"])


def add_processings(platform: PlatformServer) -> None:
    with platform.hook() as hook:
        path = routes.PROCESSINGS.format(organization=hook.context.organization.id)
    for name in ("patient", "until-told"):
        image = {"docker_image": f"tests/{name}", "docker_tag": "latest", "docker_flags": None}
        defaults = {"default_cpu": 1, "default_gpu": 0, "default_parameters": {}}
        body = {"name": name, "target": "DATALAKE", "description": None, "type": None, **image, **defaults}
        platform.admin("POST", path, body)


def prepare(world: World) -> None:
    """Pools, deployments, automations, and the processes that run flows."""
    add_processings(world.platform)
    server, prefect = world.server, ["-m", "prefect"]
    with world.client() as client:
        for pool in (POOL, DOOMED_POOL):
            client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    safety = ["-m", "prefect_tasks.safety", "deploy", "--pool", POOL, "--zombie-after", str(ZOMBIE_SECONDS)]
    words = ["--watch-every", "20", "--reap-every", "3600"]
    installing = server.run([*safety, *words], "safety", world.environment)
    deploying = server.run([str(FLOWS), "deploy", POOL, DOOMED_POOL], "deploy", world.environment)
    server.run([*prefect, "worker", "start", "--pool", POOL, "--limit", "16"], "worker", world.environment)
    server.run([str(FLOWS), "serve"], "serve", world.environment)
    assert installing.wait(PATIENCE) == 0, server.log("safety")
    assert server.log("safety").split("\n")[-4:-1] == [RESUME, REAP, ZOMBIES]
    assert deploying.wait(PATIENCE) == 0, server.log("deploy")
    wait_until("the flows are served", lambda: is_deployed(world, "impatient/served"))


def is_deployed(world: World, name: str) -> bool:
    with world.client() as client, contextlib.suppress(ObjectNotFound):
        return bool(client.read_deployment_by_name(name))
    return False


@pytest.fixture(scope="module")
def telling(request: pytest.FixtureRequest, world: World) -> Telling:
    tests = [item.function for item in request.session.items if item.path == Path(__file__)]
    stories = {test.story.__name__: test.story for test in tests if hasattr(test, "story")}
    return Telling(world, stories, side_by_side=4)


# The slow ones first.


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

    kill_run(str(watcher_of(world)))
    world.end(run.job())

    run.await_state("Completed")
    assert run.job().status is SUCCEEDED


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
    run = world.start(f"suspended/{POOL}", timeout=90.0)
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


@story
def test_a_run_that_is_retried_by_a_person_finds_its_job(world: World) -> None:
    run = world.start(f"unlucky/{POOL}")
    run.await_state("Failed")
    run.await_exit()
    assert run.job().status is RUNNING

    with world.client() as client:
        client.set_flow_run_state(run.run_id, Scheduled(), force=True)  # type: ignore[arg-type]
    wait_until("the third try", lambda: len(run.lines()) == 3)
    world.end(run.job())

    run.await_state("Completed")
    assert run.job().status is SUCCEEDED


# Stopped by a signal to a script.


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


# Cancelled in the server.


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


# Left to the guards, which the reaper may forestall here; test_prefect_stopping.py knows no reaper.


@story
def test_cancelling_a_guarded_run_cancels_the_jobs_it_does_not_wait_for_and_spares_the_detached(world: World) -> None:
    stopped = world.start(f"guarded/{POOL}")
    stopped.await_jobs(RUNNING, RUNNING)

    stopped.cancel()

    stopped.await_state("Cancelled")
    stopped.await_jobs(KILLED, RUNNING)


@story
def test_a_guarded_run_whose_process_is_killed_leaves_no_job(world: World) -> None:
    stopped = world.start(f"guarded/{POOL}")
    stopped.await_jobs(RUNNING, RUNNING)

    stopped.kill()

    stopped.await_state("Crashed")
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


# When all is told.


def test_no_token_is_in_the_database_the_results_or_the_logs(
    telling: Telling, world: World, postgres: PostgresServer | None
) -> None:
    assert_nothing_holds(world.platform.token, world.server.home, postgres)


def watcher_of(world: World) -> Any:
    """The id of the run that watches."""
    running = [run for run in world.runs("job-watcher") if run.state_name == "Running"]
    return running[0].id if running else None


def kill_run(run_id: str) -> None:
    """End the process that runs a flow run, by the variable that tells Prefect which one it is."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"PREFECT__FLOW_RUN_ID={run_id}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)


def kill_with_children(pid: int) -> None:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(pid, signal.SIGKILL)
    for child in children:
        with contextlib.suppress(OSError):
            kill_with_children(int(child))
