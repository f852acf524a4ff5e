"""pytest fixtures: a running platform, a hook for it, and a lake of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.testing.server import PlatformServer


@pytest.fixture(scope="session")
def datalake_platform() -> Iterator[PlatformServer]:
    """A platform of its own on a free port, in a temporary folder, for the whole test session."""
    from datalake_ops.testing.server import PlatformServer

    with PlatformServer() as server:
        yield server


@pytest.fixture
def datalake_hook(datalake_platform: PlatformServer) -> Iterator[DatalakeHook]:
    """A hook for the session's platform; scripted faults are gone when the test ends."""
    with datalake_platform.hook() as hook:
        yield hook
    datalake_platform.clear_faults()


@pytest.fixture
def datalake_lake(datalake_platform: PlatformServer) -> Iterator[DatalakeHook]:
    """A hook on an empty lake of the test's own, to which Airflow's connection `datalake_default` leads meanwhile."""
    from datalake_ops.testing.airflow import connected

    name = f"lake-{uuid4().hex[:8]}"
    datalake_platform.add_lake(name)
    with datalake_platform.hook(datalake_name=name) as hook, connected(datalake_platform, datalake_name=name):
        yield hook
    datalake_platform.clear_faults()
