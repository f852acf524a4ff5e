"""Stories that are told side by side, for each of them mostly waits; every test hears how its own went."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from tests.prefect.safety.world import World

Told = Callable[[World], None]


class Telling:
    """Tells the stories of the chosen tests side by side.

    All are told before the first test goes on: each beginning of a test writes into this process's environment, which
    another thread must not read at that moment.
    """

    def __init__(self, world: World, stories: dict[str, Told], side_by_side: int) -> None:
        self._world = world
        with ThreadPoolExecutor(side_by_side) as pool:
            # A thread inherits no settings of Prefect, but a context has them.
            self._told = {name: pool.submit(copy_context().run, story, world) for name, story in stories.items()}

    def hear(self, name: str) -> None:
        try:
            self._told[name].result()
        except (AssertionError, TimeoutError) as error:
            words = self._world.server.log("worker")
            raise AssertionError(f"{error}\nThe worker's log:\n{words[:2000]}\n...\n{words[-3000:]}") from error


def story(told: Told) -> Callable[[Telling], None]:
    """A test whose story is told beside the others', before the first test."""

    def test(telling: Telling) -> None:
        telling.hear(told.__name__)

    vars(test)["story"] = told
    return test
