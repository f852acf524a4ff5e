"""Retry decisions: pure, without clock or network."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum

from datalake_ops.client.operation import Repeat
from datalake_ops.config import RetryPolicy

# The platform refused before it worked: repeating is safe whatever the request.
_REFUSED = frozenset({425, 429, 503})
# The platform, or a proxy before it, may have done the work.
_UNCERTAIN = frozenset({408, 500, 502, 504})


class Loss(Enum):
    """Way in which a request got no answer."""

    UNSENT = "unsent"  # no connection: the platform never saw it
    CUT = "cut"  # sent, and the connection ended or the time ran out


@dataclass(frozen=True)
class Failure:
    """One failed try: a loss, or a status with the platform's word on when to come back (seconds)."""

    loss: Loss | None = None
    status: int = 0
    retry_after: float | None = None

    @property
    def is_transient(self) -> bool:
        """True if the same request may succeed a moment later."""
        return self.loss is not None or self.status in _REFUSED or self.status in _UNCERTAIN

    @property
    def is_ambiguous(self) -> bool:
        """True if the platform may have done the work."""
        return self.loss is Loss.CUT or self.status in _UNCERTAIN


@dataclass(frozen=True)
class RetryProgress:
    """Retries of a request so far: tries made, and the seconds of the budget that are spent."""

    attempts: int
    elapsed: float


def is_early(policy: RetryPolicy, attempts: int) -> bool:
    """Return True if at least half of a request's tries are left."""
    return 2 * attempts <= policy.attempts


def next_delay(
    policy: RetryPolicy, repeat: Repeat, failure: Failure, progress: RetryProgress, jitter: float
) -> float | None:
    """Seconds to wait before the next try, or None to give up.

    The platform's `Retry-After` wins over the back-off; both end at the policy's budget.
    `jitter` is a random number in [0, 1): half of each back-off is random, so that workers do not return together.
    """
    if not failure.is_transient or progress.attempts >= policy.attempts:
        return None
    if repeat is Repeat.ONCE and failure.is_ambiguous:
        return None
    back_off = min(policy.longest_delay, policy.first_delay * 2 ** (progress.attempts - 1))
    delay = back_off * (0.5 + jitter / 2) if failure.retry_after is None else failure.retry_after
    return delay if progress.elapsed + delay <= policy.budget else None


def read_retry_after(value: str | None, now: float) -> float | None:
    """Seconds named by a `Retry-After` header (a number, or a date seen from `now`); None when absent or unreadable."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return None
