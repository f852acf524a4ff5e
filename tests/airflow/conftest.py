"""An Airflow of this session's own, a platform with processings that tests decide on, and a lake for each test."""

from __future__ import annotations

import functools
import random
import shlex
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image, ImageFilter

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing.airflow import connected, prepare_airflow
from datalake_ops.testing.server import PlatformServer
from datalake_ops.testing.services import PostgresServer
from datalake_ops.wire import routes

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
_HOME = Path(tempfile.mkdtemp(prefix="datalake-ops-airflow-"))
# Processings whose programs are `job_program.py` with that word.
ENDS = ("quick", "slow", "patient", "gated", "held", "held-failing", "failing", "late-failing", "second-time-lucky")


# Words of DAGs that need Airflow 3: what they are about has no other name in Airflow 2.
_THREE = ("AssetWatcher", "triggering_asset_events")


def _for_this_airflow(text: str) -> str:
    """Airflow 2 has what DAGs import from `airflow.sdk` in the compatibility package, as docs/airflow.md tells."""
    compatible = "from airflow.providers.common.compat.sdk import"
    return text if AIRFLOW >= (3, 0) else text.replace("from airflow.sdk import", compatible)


def _provide(source: Path, target: Path) -> None:
    """Put DAGs into the DAGs folder."""
    if AIRFLOW >= (3, 0):
        target.symlink_to(source)
        return
    target.mkdir()
    for path in source.glob("*.py"):
        text = _for_this_airflow(path.read_text())
        if not any(word in text for word in _THREE):
            (target / path.name).write_text(text)


def _prepare() -> None:
    dags = _HOME / "dags"
    dags.mkdir()
    _provide(ROOT / "example_dags" / "airflow", dags / "examples")
    _provide(HERE / "dags", dags / "tests")
    prepare_airflow(_HOME, dags)
    # Airflow warns of its own deprecations when it is imported; ours are errors (see pyproject.toml).
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import airflow.models
        import airflow.providers.common.compat.sdk  # noqa: F401

        _wait_for_no_scheduler()
    if AIRFLOW >= (3, 0):
        _share_the_api()
    if AIRFLOW >= (3, 3):
        _register_dags_once()


def _wait_for_no_scheduler() -> None:
    """Let deferred tasks of this process resume sooner: no scheduler has to read that they left their worker."""
    from airflow_provider import compat

    compat._SCHEDULER_SECONDS = 0.0


def _share_the_api() -> None:
    """Let all tasks that run in this process share one task API, which else takes each of them a second to make."""
    from airflow.sdk.execution_time import supervisor

    supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)


def _register_dags_once() -> None:
    """Let `dag.test()` register the DAGs folder once; it reads it anew for every run, and here nothing changes."""
    from airflow.dag_processing import dagbag

    dagbag.BundleDagBag = functools.cache(dagbag.BundleDagBag)
    dagbag.sync_bag_to_db = functools.cache(dagbag.sync_bag_to_db)


_prepare()


def pytest_configure(config: pytest.Config) -> None:
    """Let Airflow and its libraries warn, which is not ours to answer for; what our packages warn of is an error."""
    config.addinivalue_line("filterwarnings", "default")
    config.addinivalue_line("filterwarnings", r"error:::(airflow_provider|datalake_ops)\b")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out on an older Airflow what `newest_airflow` says is the same there."""
    if AIRFLOW >= (3, 3):
        return
    left_out = [item for item in items if item.get_closest_marker("newest_airflow")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what `needs_airflow` says this Airflow cannot do."""
    for mark in item.iter_markers("needs_airflow"):
        least, reason = mark.args
        if tuple(map(int, least.split("."))) > AIRFLOW:
            pytest.skip(f"needs Airflow {least}: {reason}")


def pytest_unconfigure() -> None:
    """Remove the home."""
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def for_this_airflow() -> Callable[[str], str]:
    """Makes of a DAG that the documentation shows what it says to write on the Airflow that is here."""
    return _for_this_airflow


@pytest.fixture(scope="session")
def dags_folder() -> Path:
    """The examples and the DAGs of these tests."""
    return _HOME / "dags"


@pytest.fixture(scope="session")
def programs_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where programs of processings look for words from the tests (see `job_program.py`)."""
    folder = tmp_path_factory.mktemp("programs")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def platform_server(programs_folder: Path) -> Iterator[PlatformServer]:
    arguments = ["--cpus", "16"]
    for end in ENDS:
        command = shlex.join([sys.executable, str(HERE / "job_program.py"), end, str(programs_folder)])
        arguments += ["--program", f"tests/{end}={command}"]
    with PlatformServer(arguments=arguments) as server:
        organization = server.hook().context.organization.id
        for end in ENDS:
            server.admin("POST", routes.PROCESSINGS.format(organization=organization), a_processing(end))
        yield server
        # Programs outlive the platform, and a test that failed may have left a patient one.
        with server.hook() as hook:
            for job in hook.find_jobs():
                hook.cancel_job(job)


@pytest.fixture(scope="module")
def database(postgres: PostgresServer | None) -> dict[str, str]:
    """The settings of Airflow's database: real processes share PostgreSQL, where there is one."""
    return {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url("postgresql+psycopg2")} if postgres else {}


def a_processing(name: str) -> dict[str, Any]:
    image = {"docker_image": f"tests/{name}", "docker_tag": "latest", "docker_flags": None}
    defaults = {"default_cpu": 1, "default_gpu": 0, "default_parameters": {}}
    return {"name": name, "target": "DATALAKE", "description": None, "type": None, **image, **defaults}


@pytest.fixture
def platform(platform_server: PlatformServer) -> Iterator[PlatformServer]:
    """The session's platform, which `datalake_default` is; scripted faults are gone when the test ends."""
    platform_server.clear_requests()
    with connected(platform_server):
        yield platform_server
    platform_server.clear_faults()


@pytest.fixture
def lake(platform: PlatformServer) -> Iterator[DatalakeHook]:
    """A hook on an empty lake of the test's own, which `datalake_default` is too."""
    name = f"lake-{uuid4().hex[:8]}"
    platform.add_lake(name)
    with platform.hook(datalake_name=name) as hook, connected(platform, datalake_name=name):
        yield hook


@pytest.fixture
def an_image(tmp_path: Path) -> Callable[[str], Path]:
    """Makes an image that no other equals: noise, seeded by its name."""

    def make(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.frombytes("RGB", (320, 240), random.Random(name).randbytes(320 * 240 * 3)).save(path)
        return path

    return make


@pytest.fixture
def a_blurred_photograph(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a photograph of which `quality-tagging` says that it is blurred."""

    def make(name: str) -> Path:
        with Image.open(ROOT / "datalake_ops" / "demo" / "photographs" / "cat.jpg") as photograph:
            photograph.filter(ImageFilter.GaussianBlur(6)).save(tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def some_data(lake: DatalakeHook, an_image: Callable[[str], Path]) -> list[str]:
    """Ids of three data in the lake, tagged `demo`."""
    done = lake.upload([an_image(f"{number}.png") for number in range(3)], tags=["demo"])
    assert not done.failed
    return [str(one) for one in done.data.ids]


@pytest.fixture
def work(lake: DatalakeHook, platform: PlatformServer) -> Iterator[Any]:
    """A task of one run, a `Work`, whose jobs end with the test."""
    # It needs Airflow, which is imported once its home is made.
    from tests.airflow.task_tries import Work

    one = Work(lake)
    yield one
    platform.withhold()
    for job in one.jobs():
        lake.cancel_job(job)
