"""One platform, two fresh lakes per test: one for our hook, one for the official SDK."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest
from PIL import Image

from datalake_ops.testing import PlatformServer
from tests.contract.clients import Client, HookClient, SdkClient

T = TypeVar("T")
RunBoth = Callable[[Callable[[Client], T]], T]


@pytest.fixture(scope="session")
def sdk(datalake_platform: PlatformServer) -> object:
    with warnings.catch_warnings():
        # The SDK's own dependencies warn while it is imported.
        warnings.simplefilter("ignore")
        from picsellia import Client as Sdk

        return Sdk(api_token=datalake_platform.token, host=datalake_platform.url)


@pytest.fixture
def clients(datalake_platform: PlatformServer, sdk: object) -> Iterator[tuple[HookClient, SdkClient]]:
    name = uuid4().hex[:8]
    ours = datalake_platform.add_lake(f"hook-{name}")
    theirs = datalake_platform.add_lake(f"sdk-{name}")
    with datalake_platform.hook(datalake_id=ours) as hook:
        yield HookClient(hook), SdkClient(sdk, theirs)
    datalake_platform.clear_faults()


@pytest.fixture
def run_both(clients: tuple[HookClient, SdkClient]) -> RunBoth[T]:
    """Runs a scenario through both clients, asserts that the results are equal, and returns the result."""

    def run(scenario: Callable[[Client], T]) -> T:
        ours, theirs = (scenario(client) for client in clients)
        assert ours == theirs, "the hook (left) and the official SDK (right) disagree"
        return ours

    return run


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three small pictures: a JPEG with EXIF and a turned orientation, a PNG, and a JPEG with awkward characters."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Acme"
    exif[0x0131] = "cam 1.0"
    exif[0x0132] = "2026:05:04 03:02:01"
    exif[0x011A] = 72.0
    exif[0x0128] = 2
    paths = [tmp_path / "car.jpg", tmp_path / "bus.png", tmp_path / "tram 'Zoë' 電車.jpg"]
    Image.new("RGB", (64, 48), "red").save(paths[0], exif=exif)
    Image.new("RGB", (30, 20), "blue").save(paths[1])
    Image.new("RGB", (10, 12), "green").save(paths[2])
    return paths
