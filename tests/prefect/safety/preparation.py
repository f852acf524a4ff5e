"""Setup of the stories: a platform, deployments, automations, and processes that run flows."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound

from datalake_ops.demo.photographs import SHIPPED
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import PrefectServer
from datalake_ops.wire import routes
from prefect_tasks import DatalakeCredentials
from prefect_tasks.safety.automations import REAP, RESUME, ZOMBIES
from tests.prefect.fork_server import FORKING
from tests.prefect.launcher import Launcher
from tests.prefect.safety.flows import LAKE
from tests.prefect.safety.world import (
    DOOMED_POOL,
    FLOWS,
    PATIENCE,
    POOL,
    ZOMBIE_SECONDS,
    World,
    wait_until,
)


@contextmanager
def a_world(server: PrefectServer, launcher: Launcher, folder: Path) -> Iterator[World]:
    """The world of the stories on a Prefect server, which has neither automations nor deployments of it afterwards."""
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as ends_name,
        a_platform(ends := Path(ends_name)) as platform,
        platform.hook() as lake,
        ExitStack() as clients,
    ):
        environment = {
            "DATALAKE_HOST": platform.url,
            "DATALAKE_API_TOKEN": platform.token,
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        }
        world = World(server, launcher, platform, lake, folder, ends, environment, clients)
        lake.upload(sorted(SHIPPED.glob("*.jpg"))[:2], tags=["ingested"])
        clients.callback(clean_up, world.client)
        with started(world):
            yield world


def a_platform(ends: Path) -> PlatformServer:
    program = str(Path(__file__).parents[1] / "job_program.py")
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


@contextmanager
def started(world: World) -> Iterator[None]:
    """Pools, deployments, automations, and the processes that run flows, which end with the context."""
    add_processings(world.platform)
    DatalakeCredentials.from_connection(world.lake.connection).save(LAKE)
    for pool in (POOL, DOOMED_POOL):
        world.client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    server, environment = world.server, world.environment
    safety = ["-m", "prefect_tasks.safety", "deploy", "--pool", POOL, "--zombie-after", str(ZOMBIE_SECONDS)]
    words = ["--watch-every", "20", "--reap-every", "3600"]
    installing = world.launcher.run([*safety, *words], "safety", environment)
    serving = server.run([*FORKING, str(FLOWS), "serve", POOL, DOOMED_POOL], "serve", environment)
    worker = ["-m", "prefect", "worker", "start", "--pool", POOL, "--limit", "16"]
    working = server.run([*FORKING, *worker], "worker", environment)
    assert installing.wait(PATIENCE) == 0, server.log("safety")
    assert server.log("safety").split("\n")[-4:-1] == [RESUME, REAP, ZOMBIES]
    wait_until("the flows are served", lambda: serving.poll() is not None or is_deployed(world, "impatient/served"))
    assert serving.poll() is None, server.log("serve")
    yield
    server.end(serving)
    server.end(working)


def clean_up(client: SyncPrefectClient) -> None:
    for name in (RESUME, REAP, ZOMBIES):
        for automation in client.read_automations_by_name(name):
            client.delete_automation(automation.id)
    for deployment in client.read_deployments():
        client.delete_deployment(deployment.id)
    for pool in (POOL, DOOMED_POOL):
        client.delete_work_pool(pool)
    DatalakeCredentials.delete(LAKE)


def is_deployed(world: World, name: str) -> bool:
    with contextlib.suppress(ObjectNotFound):
        return bool(world.client.read_deployment_by_name(name))
    return False
