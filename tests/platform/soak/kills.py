"""Kills at random moments: activities work in threads until their server dies, and are checked afterwards."""

from __future__ import annotations

import http.client
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread

from datalake_ops.testing import PlatformServer
from tests.platform.soak.activities import Activity
from tests.platform.soak.home import age_objects, check_home, named_objects, stored_objects

# `make soak` sets more.
IS_SOAK = "SOAK_KILLS" in os.environ
KILLS = int(os.environ.get("SOAK_KILLS", "3"))
DEADLINE = 240.0
# A server that died, seen through requests (whose errors are OSErrors) and through urllib.
DEAD = (OSError, http.client.HTTPException)


class Work:
    """One activity in a thread, until its server is dead."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self.kill = Event()
        self._ended = Event()
        self.steps = 0
        self.error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait for the end once the server is dead; raises what failed before."""
        self._ended.set()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._activity.step()
                self.steps += 1
        except BaseException as error:
            if not isinstance(error, DEAD) or not self.kill.is_set():
                self.error = error


def kill_during(server: PlatformServer, activities: Sequence[Activity], chance: random.Random) -> int:
    """Kill a server after some steps of its activities, at any moment of the next ones; returns the steps done."""
    works = [Work(activity) for activity in activities]
    watched, deadline = chance.randrange(len(works)), time.monotonic() + DEADLINE
    after = 1 + chance.randrange(activities[watched].steps)
    while works[watched].steps < after and all(work.error is None for work in works):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.03))
    for work in works:
        work.kill.set()
    server.kill()
    for work in works:
        work.end()
    return sum(work.steps for work in works)


def restart_and_check(server: PlatformServer, activities: Sequence[Activity]) -> None:
    """Start a killed server on its home, in which all that no upload needs is old, and check what must hold."""
    young = {path for activity in activities for path in activity.young()}
    age_objects(server.home, young)
    check_home(server.home)
    server.start()
    for activity in activities:
        activity.check()
    until_collected(server, young)
    check_home(server.home)
    assert not list((server.home / "objects" / "staging").iterdir())


def until_collected(server: PlatformServer, young: set[Path]) -> None:
    """Wait until only objects with a row are left, and those of uploads in progress."""
    deadline = time.monotonic() + DEADLINE
    while left := stored_objects(server.home) - named_objects(server.home) - young:
        assert time.monotonic() < deadline, f"{len(left)} objects without a row"
        time.sleep(0.02)
