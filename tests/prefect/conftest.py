"""A Prefect of its own for the tests, and a lake of its own for each."""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import PrefectServer, prefect_environment
from datalake_ops.testing.services import PostgresServer
from datalake_ops.wire import routes

# Prefect reads its environment when it is imported, so this stands before any import of it.
_HOME = tempfile.mkdtemp(prefix="datalake-ops-prefect-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith(("PREFECT_", "DATALAKE_", "PICSELLIA_"))]:
    if _name != "DATALAKE_OPS_PLATFORM_PYTHON":
        del os.environ[_name]
os.environ.update(prefect_environment(_HOME))
# Prefect warns of the log lines of a task that runs outside a flow, its own lines included.
os.environ["PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW"] = "ignore"

import prefect.context  # noqa: E402
from prefect.context import SettingsContext, refresh_global_settings_context  # noqa: E402
from prefect.events.worker import EventsWorker  # noqa: E402
from prefect.logging.handlers import APILogWorker  # noqa: E402
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY  # noqa: E402

from prefect_tasks import DatalakeCredentials  # noqa: E402
from tests.prefect.launcher import Launcher  # noqa: E402

# An async flow of Prefect 3.8 leaves a connection to Prefect's API open; which test meets the warning is chance.
_LEFT_OPEN = "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"

# The first test of a server waits for its start, which a busy machine takes minutes for.
_HANGS_AFTER = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The safety stories come last: their block, deployments and runs stay on the session's server.
    items.sort(key=lambda item: Path(__file__).parent / "safety" in item.path.parents)
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(_LEFT_OPEN))
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(_HANGS_AFTER))


# What becomes of the jobs of a processing: see job_program.py.
ENDS = {"failing": "fail", "patient": "wait", "second-time-lucky": "fail-once", "until-told": "until-told"}


@pytest.fixture(scope="session")
def prefect_server(shared_postgres: PostgresServer | None) -> Iterator[PrefectServer]:
    """The session's Prefect server: its start, above all the making of its database, takes longer than most tests."""
    with PrefectServer(database_url=shared_postgres and shared_postgres.url("postgresql+asyncpg")) as server:
        yield server


@pytest.fixture(scope="session")
def prefect_api(prefect_server: PrefectServer) -> Iterator[None]:
    """Makes the session's server that of the flows and clients of this process, whatever thread they are in."""
    os.environ["PREFECT_API_URL"] = prefect_server.api_url
    refresh_global_settings_context()
    _send_no_heartbeats()
    yield
    # What is still to be sent must not wait for a server that is gone.
    APILogWorker.drain_all()
    EventsWorker.drain_all()
    del os.environ["PREFECT_API_URL"]
    refresh_global_settings_context()


def _send_no_heartbeats() -> None:
    """Lets each flow of this process end at once: it would wait for its thread of heartbeats, which sleeps a second.

    No variable says "none"; the stories of flows that are lost have processes of their own, with heartbeats.
    """
    context = prefect.context.GLOBAL_SETTINGS_CONTEXT
    settings = context.settings.copy_with_update(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    prefect.context.GLOBAL_SETTINGS_CONTEXT = SettingsContext(profile=context.profile, settings=settings)


@pytest.fixture(scope="session")
def launcher(prefect_server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Starts Python programs without the seconds that it takes to import Prefect."""
    with Launcher(prefect_server, tmp_path_factory.mktemp("launcher")) as launcher:
        yield launcher


@pytest.fixture(scope="session")
def programs() -> Iterator[Path]:
    """A folder that the jobs' programs share with the tests; they end with it."""
    with tempfile.TemporaryDirectory(prefix="datalake-ops-programs-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def platform_server(programs: Path) -> Iterator[PlatformServer]:
    program = Path(__file__).with_name("job_program.py")
    arguments = [
        word
        for name, end in ENDS.items()
        for word in ("--program", f"tests/{name}={shlex.join([sys.executable, str(program), end, str(programs)])}")
    ]
    # A patient job of a failed test must not keep the next one waiting for a processor.
    with PlatformServer(arguments=[*arguments, "--cpus", "16"]) as server:
        yield server


@pytest.fixture(scope="session")
def processings(platform_server: PlatformServer) -> None:
    """Processings whose end a test decides."""
    with platform_server.hook() as hook:
        path = routes.PROCESSINGS.format(organization=hook.context.organization.id)
    for name in ENDS:
        platform_server.admin("POST", path, a_processing(name))


@pytest.fixture
def end_well(programs: Path) -> Callable[[str], None]:
    """Lets a job that waits to be told end well."""
    return lambda job: (programs / f"{job}.end").touch()


def a_processing(name: str) -> dict[str, Any]:
    image = {"docker_image": f"tests/{name}", "docker_tag": "latest", "docker_flags": None}
    defaults = {"default_cpu": 1, "default_gpu": 0, "default_parameters": {}}
    return {"name": name, "target": "DATALAKE", "description": None, "type": None, **image, **defaults}


@pytest.fixture
def platform(platform_server: PlatformServer) -> Iterator[PlatformServer]:
    """The session's platform; scripted faults are gone when the test ends."""
    platform_server.clear_requests()
    yield platform_server
    platform_server.clear_faults()


@pytest.fixture
def lake(platform: PlatformServer) -> Iterator[DatalakeHook]:
    """A hook on an empty lake of the test's own; jobs that still run when the test ends are cancelled."""
    name = f"lake-{uuid4().hex[:8]}"
    platform.add_lake(name)
    with platform.hook(datalake_name=name) as hook:
        yield hook
        platform.clear_faults()
        for job in hook.find_jobs(labels={"orchestrator": "prefect"}):
            if not job.status.is_terminal:
                hook.cancel_job(job)


@pytest.fixture
def credentials(lake: DatalakeHook) -> DatalakeCredentials:
    return DatalakeCredentials.from_connection(lake.connection)


@pytest.fixture
def saved(prefect_api: None, credentials: DatalakeCredentials, lake: DatalakeHook) -> str:
    """The name of the lake's saved block."""
    name = str(lake.context.datalake.name)
    credentials.save(name)
    return name


@pytest.fixture
def an_image(tmp_path: Path) -> Callable[[str], Path]:
    """Makes an image that no other equals: noise, seeded by its name."""

    def make(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(list(name.encode())).integers(0, 255, (240, 320, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        return path

    return make


@pytest.fixture
def some_data(lake: DatalakeHook, an_image: Callable[[str], Path]) -> list[str]:
    """Ids of three data in the lake, tagged `ingested`."""
    done = lake.upload([an_image(f"{number}.png") for number in range(3)], tags=["ingested"])
    assert not done.failed
    return [str(one) for one in done.data.ids]
