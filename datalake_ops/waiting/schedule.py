"""When to look at a job again, and when to stop: pure decisions, no clock."""

from __future__ import annotations

from dataclasses import dataclass

from datalake_ops.errors import ConfigurationError

# What is to be looked at soon is looked at now, when others are: waits of one pace fall into step.
# It is more than half, or two groups could stay half an interval apart for ever.
EARLY = 0.6
# Seconds in which waits that begin are gathered, so that hundreds that begin together are served together.
GATHER = 0.25
_SHORTEST = 0.25
_LONGEST = 10.0
# A tenth of the time already waited: short jobs are seen at once, long ones cost few polls.
_SHARE = 0.1


@dataclass(frozen=True)
class WaitSchedule:
    """Seconds between polls, until when, and for how long polls may fail in a row.

    Without `poll_interval` the interval grows with the time waited, from 0.25 s to 10 s.
    `timeout` None waits for ever. A platform that restarts is given `tolerated_silence` seconds, or, with
    `tolerated_failures`, as many failed polls in a row.
    """

    timeout: float | None = 3600.0
    poll_interval: float | None = None
    tolerated_silence: float = 300.0
    tolerated_failures: int | None = None

    def __post_init__(self) -> None:
        if self.timeout is not None and self.timeout < 0:
            raise ConfigurationError(f"timeout is seconds from now and cannot be {self.timeout}; None waits for ever.")
        if self.poll_interval is not None and self.poll_interval <= 0:
            raise ConfigurationError(f"poll_interval is seconds and must be positive, not {self.poll_interval}.")
        if self.tolerated_silence < 0:
            raise ConfigurationError(f"tolerated_silence is seconds and cannot be {self.tolerated_silence}.")
        if self.tolerated_failures is not None and self.tolerated_failures < 0:
            raise ConfigurationError(f"tolerated_failures counts polls and cannot be {self.tolerated_failures}.")

    def deadline_at(self, now: float) -> float | None:
        """The moment to stop, on the same clock as `now`."""
        return None if self.timeout is None else now + self.timeout

    def is_too_much(self, failures: int, silence: float) -> bool:
        """Whether to give up after so many failed polls in a row, over so many seconds."""
        if self.tolerated_failures is not None:
            return failures > self.tolerated_failures
        return silence >= self.tolerated_silence

    def interval(self, waited: float, jitter: float, retry_after: float | None = None) -> float:
        """Seconds until the next poll after `waited` seconds; `jitter` in [0, 1) spreads them by a tenth.

        A platform that asked to be left alone for `retry_after` seconds is.
        """
        if self.poll_interval is not None:
            interval = self.poll_interval
        else:
            interval = min(_LONGEST, max(_SHORTEST, waited * _SHARE))
        return max(interval * (0.95 + jitter / 10), retry_after or 0.0)
