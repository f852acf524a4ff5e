"""Arrival of data: enough of them, and no more for long enough. Pure decisions, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from datalake_ops import arguments


@dataclass(frozen=True)
class StableCount:
    """Number of data that matched at the last poll, and since when (seconds on the wall clock) it has not changed."""

    count: int
    since: float

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, for a wait that goes on in another process."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> StableCount:
        """Read the values that `to_json` gave."""
        return cls(int(values["count"]), float(values["since"]))


@dataclass(frozen=True)
class Arrival:
    """Condition of an arrival: at least `min_count` data match, and their number is unchanged for `stable_for` seconds.

    Raises:
        ArgumentError: one of them cannot be meant.
    """

    min_count: int = 1
    stable_for: float = 0.0

    def __post_init__(self) -> None:
        # A form or a template gives text, code may give a timedelta.
        object.__setattr__(self, "min_count", arguments.whole_number("min_count", self.min_count, at_least=1))
        object.__setattr__(self, "stable_for", arguments.seconds("stable_for", self.stable_for))

    def saw(self, count: int, now: float, before: StableCount | None) -> StableCount:
        """Return the count with the time since which it stands."""
        return before if before is not None and before.count == count else StableCount(count, now)

    def complete(self, seen: StableCount, now: float) -> bool:
        """Return True if enough data are there, and no more have come for long enough."""
        return self.seconds_left(seen, now) == 0.0

    def seconds_left(self, seen: StableCount, now: float) -> float | None:
        """Seconds until the arrival is complete if nothing changes; None while too few data are there."""
        if seen.count < self.min_count:
            return None
        return max(0.0, seen.since + self.stable_for - now)

    def pause(self, seen: StableCount | None, now: float, interval: float) -> float:
        """Seconds until the next poll: no later than the arrival may be complete."""
        left = None if seen is None else self.seconds_left(seen, now)
        # A little past the moment, so that this poll is not just too early.
        return interval if left is None else min(interval, left + 0.05)
