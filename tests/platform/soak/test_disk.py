"""A disk that fills up in the middle of writes, under a platform that is killed then."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import requests

from datalake_ops.testing import PlatformServer
from tests.platform.small_disk import MIB, a_home_on_a_small_disk, fill
from tests.platform.soak.activities import Activity
from tests.platform.soak.kills import KILLS, kill_during, restart_and_check


class FullDisk(Activity):
    """Uploads of any size and deletes on a disk that is filled up to a few bytes in between."""

    steps = 30

    def __init__(self, server: PlatformServer, chance: random.Random) -> None:
        super().__init__(server, chance)
        self.kept: dict[str, bytes] = {}
        self.deleted: set[str] = set()
        self.pending = ""
        self.refusals = 0

    def step(self) -> None:
        if self.kept and self.chance.random() < 0.2:
            self.pending = self.chance.choice(list(self.kept))
            if self.accepted(self.lake.call("DELETE", f"/api/data/{self.pending}")):
                self.settle()
            return
        content = self.content() + self.chance.randbytes(self.chance.randrange(200_000))
        name = self.lake.object_name()
        if not self.accepted(self.lake.send_form(self.lake.form(name), content)):
            assert self.lake.stat(name).status_code == 404
            return
        answer = self.lake.register(name)
        if self.accepted(answer):
            self.kept[str(answer.json()["id"])] = content

    def accepted(self, answer: requests.Response) -> bool:
        """Whether there was room; any other refusal is wrong."""
        self.refusals += answer.status_code == 507
        assert answer.ok or answer.status_code == 507, answer.text
        return answer.ok

    def settle(self) -> None:
        del self.kept[self.pending]
        self.deleted.add(self.pending)
        self.pending = ""

    def check(self) -> None:
        if self.pending and self.lake.call("GET", f"/api/data/{self.pending}").status_code == 404:
            self.settle()
        self.pending = ""
        for data, content in self.kept.items():
            self.assert_kept(data, content)
        for data in self.deleted:
            self.assert_gone(data)


@pytest.mark.timeout(300 + 30 * KILLS)
def test_nothing_is_lost_when_the_disk_fills_up(tmp_path: Path) -> None:
    chance = random.Random("disk")
    with a_home_on_a_small_disk(tmp_path) as home, PlatformServer(home=home) as server:
        activity = FullDisk(server, chance)
        for _ in range(KILLS):
            activity.step()
            fill(home / "another", spare=chance.randrange(MIB))
            kill_during(server, [activity], chance)
            (home / "another").unlink()
            restart_and_check(server, [activity])
            # Room for the next turn.
            for data in list(activity.kept)[4:]:
                assert activity.lake.call("DELETE", f"/api/data/{data}").ok
                activity.pending = data
                activity.settle()

    assert activity.refusals
