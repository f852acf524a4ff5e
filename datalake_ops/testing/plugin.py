"""pytest fixtures: a running platform and a hook for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

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
