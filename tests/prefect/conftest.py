"""A Prefect of its own for the tests, and a lake of its own for each."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import PrefectServer, prefect_environment

# Prefect reads its environment when it is imported, so this stands before any import of it.
_HOME = tempfile.mkdtemp(prefix="datalake-ops-prefect-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith(("PREFECT_", "DATALAKE_", "PICSELLIA_"))]:
    if _name != "DATALAKE_OPS_PLATFORM_PYTHON":
        del os.environ[_name]
os.environ.update(prefect_environment(_HOME))

from prefect.testing.utilities import prefect_test_harness  # noqa: E402

from prefect_tasks import DatalakeCredentials  # noqa: E402


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[None]:
    """An ephemeral Prefect API for the flows that tests run in this process."""
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[PrefectServer]:
    """A real Prefect server, for flows that run in processes of their own."""
    with PrefectServer() as server:
        yield server


@pytest.fixture(scope="session")
def platform_server() -> Iterator[PlatformServer]:
    with PlatformServer() as server:
        yield server


@pytest.fixture
def platform(platform_server: PlatformServer) -> Iterator[PlatformServer]:
    """The session's platform; scripted faults are gone when the test ends."""
    platform_server.clear_requests()
    yield platform_server
    platform_server.clear_faults()


@pytest.fixture
def lake(platform: PlatformServer) -> Iterator[DatalakeHook]:
    """A hook on an empty lake of the test's own."""
    name = f"lake-{uuid4().hex[:8]}"
    platform.add_lake(name)
    with platform.hook(datalake_name=name) as hook:
        yield hook


@pytest.fixture
def credentials(lake: DatalakeHook) -> DatalakeCredentials:
    return DatalakeCredentials.from_connection(lake.connection)


@pytest.fixture
def an_image(tmp_path: Path) -> Callable[[str], Path]:
    """Makes an image that no other equals: noise, seeded by its name."""

    def make(name: str, width: int = 320, height: int = 240) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(abs(hash(name))).integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        return path

    return make
