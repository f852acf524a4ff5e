"""Schedule of a wait: intervals between polls, deadline, tolerance of failed polls. Pure decisions, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from datalake_ops import arguments

# Share of an interval by which a poll may be early when others are due: waits of one interval fall into step.
# It is more than half, or two groups could stay half an interval apart for ever.
EARLY = 0.6
# Seconds for which new waits are gathered, so that hundreds that begin together share a request.
GATHER = 0.25
_SHORTEST = 0.25
_LONGEST = 10.0
# A tenth of the time already waited: short jobs are seen at once, long ones cost few polls.
_SHARE = 0.1


# A number of seconds, its text, or a timedelta; `WaitSchedule` makes numbers of them.
Seconds = float | str | timedelta


@dataclass(frozen=True, init=False)
class WaitSchedule:
    """Seconds between polls, until when, and for how long polls may fail in a row.

    Without `poll_interval` the interval grows with the time waited, from 0.25 s to 10 s.
    `timeout` None waits for ever. A platform that restarts is given `tolerated_silence` seconds, or, with
    `tolerated_failures`, as many failed polls in a row. Seconds may be given as text or as a timedelta.

    Raises:
        ArgumentError: one of them cannot be meant.
    """

    timeout: float | None = 3600.0
    poll_interval: float | None = None
    tolerated_silence: float = 300.0
    tolerated_failures: int | None = None

    def __init__(
        self,
        timeout: Seconds | None = 3600.0,
        poll_interval: Seconds | None = None,
        tolerated_silence: Seconds = 300.0,
        tolerated_failures: int | None = None,
    ) -> None:
        interval = arguments.positive_seconds("poll_interval", poll_interval)
        values = {
            "timeout": arguments.seconds("timeout", timeout),
            "poll_interval": interval,
            "tolerated_silence": arguments.seconds("tolerated_silence", tolerated_silence),
            "tolerated_failures": arguments.whole_number("max_failed_polls", tolerated_failures, at_least=0),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def deadline_at(self, now: float) -> float | None:
        """The moment to stop, on the same clock as `now`."""
        return None if self.timeout is None else now + self.timeout

    def is_too_much(self, failures: int, silence: float) -> bool:
        """Return True if so many failed polls in a row, over so many seconds, end the wait."""
        if self.tolerated_failures is not None:
            return failures > self.tolerated_failures
        return silence >= self.tolerated_silence

    def interval(self, waited: float, jitter: float, retry_after: float | None = None) -> float:
        """Seconds until the next poll after `waited` seconds; `jitter` in [0, 1) spreads them by a tenth.

        It is at least the `retry_after` seconds that the platform asked for.
        """
        if self.poll_interval is not None:
            interval = self.poll_interval
        else:
            interval = min(_LONGEST, max(_SHORTEST, waited * _SHARE))
        return max(interval * (0.95 + jitter / 10), retry_after or 0.0)
