"""A clock that is set back while the platform works, and that is still behind when it starts again."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from datalake_ops.platform.jobs.processings.shim_client import JobShim
from datalake_ops.testing import PlatformServer
from tests.platform.lakes import SMALL_JPEG, LakeApi
from tests.platform.soak.activities import Imports, Launches, Multipart, Uploads, soak_arguments
from tests.platform.soak.kills import KILLS, kill_during, restart_and_check

MODULE = Path(__file__).parent / "set_back"
KINDS = (Uploads, Multipart, Imports, Launches)


class Clock:
    """Clock of the servers that are started; other processes, and timers, keep theirs."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set_back(timedelta(0))

    def set_back(self, by: timedelta) -> None:
        draft = self._file.with_suffix(".draft")
        draft.write_text(f"{by.total_seconds():.0f}")
        draft.replace(self._file)


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setenv("SET_BACK_FILE", str(tmp_path / "clock"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(MODULE), *filter(None, [os.environ.get("PYTHONPATH")])]))
    return Clock(tmp_path / "clock")


def moment_of(server: PlatformServer) -> datetime:
    """Now, by the server's clock."""
    lake = LakeApi(server)
    data = lake.a_data()
    created = datetime.fromisoformat(lake.json("GET", f"/api/data/{data['id']}")["created_at"])
    return created if created.tzinfo else created.replace(tzinfo=UTC)


@pytest.mark.timeout(300 + 60 * KILLS)
def test_nothing_is_lost_when_the_clock_is_set_back(tmp_path: Path, clock: Clock) -> None:
    chance = random.Random("clock")
    with PlatformServer(home=tmp_path / "home", arguments=soak_arguments(tmp_path)) as server:
        activities = [kind(server, random.Random(chance.random())) for kind in KINDS]
        behind = timedelta(0)
        for _ in range(KILLS):
            behind += timedelta(seconds=chance.randrange(60, 8 * 3600))
            for activity in activities:
                activity.step()
            clock.set_back(behind)
            assert abs(datetime.now(UTC) - behind - moment_of(server)) < timedelta(seconds=50)
            # A newcomer that seems older than the first organization.
            server.add_organization(f"organization-{behind.total_seconds():.0f}")
            kill_during(server, activities, chance)
            restart_and_check(server, activities)


def test_the_first_organization_stays_the_first_whatever_the_clock_says(tmp_path: Path) -> None:
    with PlatformServer(home=tmp_path / "home") as server:
        first = LakeApi(server)
        server.add_organization("second")
        server.stop()
        with closing(sqlite3.connect(server.home / "datalake.db")) as database:
            database.execute("UPDATE organization SET created_at = 1 WHERE name = 'second'")
            database.commit()
        (server.bucket / "a.jpg").write_bytes(SMALL_JPEG)
        server.start()

        assert LakeApi(server).organization == first.organization
        assert first.stat("a.jpg").ok


def test_a_program_that_never_started_is_not_waited_for_because_the_clock_is_behind(tmp_path: Path) -> None:
    shim, claim = JobShim(tmp_path), tmp_path / "claim"
    claim.touch()
    is_starting = shim.is_alive()
    os.utime(claim, (time.time() + 3600,) * 2)

    assert is_starting
    assert not shim.is_alive()
