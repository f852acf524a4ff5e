"""An Airflow of this session's own, in a folder that goes when the session ends."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from datalake_ops.testing.airflow import connected, prepare_airflow
from datalake_ops.testing.server import PlatformServer

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "example_dags" / "airflow"
_HOME = Path(tempfile.mkdtemp(prefix="datalake-ops-airflow-"))


def _prepare() -> None:
    dags = _HOME / "dags"
    dags.mkdir()
    (dags / "examples").symlink_to(EXAMPLES)
    (dags / "tests").symlink_to(Path(__file__).parent / "dags")
    prepare_airflow(_HOME, dags)
    # Airflow warns of its own deprecations when it is imported; ours are errors (see pyproject.toml).
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import airflow.models
        import airflow.sdk  # noqa: F401


_prepare()


def pytest_unconfigure() -> None:
    """Remove the home."""
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def platform_server() -> Iterator[PlatformServer]:
    with PlatformServer() as server:
        yield server


@pytest.fixture
def platform(platform_server: PlatformServer) -> Iterator[PlatformServer]:
    """The session's platform, which `datalake_default` is; scripted faults are gone when the test ends."""
    platform_server.clear_requests()
    with connected(platform_server):
        yield platform_server
    platform_server.clear_faults()
