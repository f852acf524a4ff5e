"""A platform killed (SIGKILL) at any moment of any work keeps all that it acknowledged, and nothing half done.

Three kills of each kind here, of several kinds at once; `make soak` does twenty of each kind alone.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from datalake_ops.testing import PlatformServer
from tests.platform.soak.activities import ACTIVITIES, Activity, soak_arguments
from tests.platform.soak.kills import IS_SOAK, KILLS, kill_during, restart_and_check

# Three at once, so that one commit holds changes of several.
CALLERS = 3
GROUPS = [(kind,) * CALLERS for kind in ACTIVITIES] if IS_SOAK else [ACTIVITIES]


@pytest.mark.timeout(300 + 30 * KILLS)
@pytest.mark.parametrize("kinds", GROUPS, ids=lambda kinds: "-".join(dict.fromkeys(kind.__name__ for kind in kinds)))
def test_kills_during(kinds: tuple[type[Activity], ...], tmp_path: Path) -> None:
    chance = random.Random(" ".join(kind.__name__ for kind in kinds))
    with PlatformServer(home=tmp_path / "home", arguments=soak_arguments(tmp_path)) as server:
        activities = [kind(server, random.Random(chance.random())) for kind in kinds]
        steps = 0
        for _ in range(KILLS):
            steps += kill_during(server, activities, chance)
            restart_and_check(server, activities)

    assert steps
