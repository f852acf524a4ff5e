"""AIMD window: a limit of requests in flight, decided purely by their outcomes, in rounds of as many as the limit."""

from __future__ import annotations

FIRST_LIMIT = 8
# One failure in three answers is overload; a single one among many is chance, which fewer requests would not change.
_OVERLOAD = 1 / 3
# Fewest answers for a decision on the share of failures.
_FEWEST = 6
# A round that took this many times the best one waited in a queue: more requests would only wait longer.
_QUEUEING = 1.8
# Factor by which the best round's time grows each round, so that an old figure is forgotten.
_FORGETTING = 1.002


class AimdWindow:
    """AIMD window: `limit` doubles each round at first, then grows by one a round, and is halved on overload.

    Overload is a 429 or a `Retry-After`, or a third of a round's answers failing (5xx, cuts, time-outs). A request that
    was in flight when the limit was halved does not halve it again: `epoch` tells them apart. The limit stays between 1
    and `cap`, and does not grow while answers take much longer than they did with fewer requests.
    """

    def __init__(self, cap: int, first: int = FIRST_LIMIT) -> None:
        self.cap = max(1, cap)
        self.limit = min(first, self.cap)
        self.epoch = 0
        self._doubling = True
        self._best: float | None = None
        self._start_round()

    def succeeded(self, seconds: float | None = None) -> None:
        """Count a success, with its duration where that is comparable."""
        self._answers += 1
        if seconds is not None:
            self._timed += 1
            self._seconds += seconds
        self._end_round()

    def failed(self, epoch: int, *, overload: bool) -> None:
        """Count the failure of a request of an epoch; `overload` is True for a 429 or a `Retry-After`."""
        if epoch != self.epoch:
            return
        self._answers += 1
        self._failures += 1
        if overload or (self._answers >= _FEWEST and self._failures > _OVERLOAD * self._answers):
            self.limit = max(1, self.limit // 2)
            self.epoch += 1
            self._doubling = False
            self._start_round()
        else:
            self._end_round()

    def _start_round(self) -> None:
        self._answers = self._failures = self._timed = 0
        self._seconds = 0.0

    def _end_round(self) -> None:
        if self._answers < max(self.limit, _FEWEST):
            return
        if self._queues():
            self._doubling = False
        elif self._doubling:
            self.limit = min(2 * self.limit, self.cap)
        else:
            self.limit = min(self.limit + 1, self.cap)
        self._start_round()

    def _queues(self) -> bool:
        if not self._timed:
            return False
        mean = self._seconds / self._timed
        best = mean if self._best is None else min(mean, self._best * _FORGETTING)
        self._best = best
        return mean > _QUEUEING * best
