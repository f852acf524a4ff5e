"""The world of the stories of stopped, lost and suspended runs, and their telling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from datalake_ops.testing.prefect import PrefectServer
from tests.prefect.launcher import Launcher
from tests.prefect.safety.preparation import a_world
from tests.prefect.safety.stories import Telling
from tests.prefect.safety.world import World


@pytest.fixture(scope="package")
def world(
    prefect_server: PrefectServer, prefect_api: None, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with a_world(prefect_server, launcher, tmp_path_factory.mktemp("notes")) as world:
        yield world


@pytest.fixture(scope="package")
def telling(request: pytest.FixtureRequest, world: World) -> Telling:
    tests = [item for item in request.session.items if Path(__file__).parent == item.path.parent]
    functions = [item.function for item in tests if isinstance(item, pytest.Function)]
    stories = {test.story.__name__: test.story for test in functions if hasattr(test, "story")}
    return Telling(world, stories, side_by_side=8)
