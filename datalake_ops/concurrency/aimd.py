"""How many at once: a pure rule that knows only how requests ended, in rounds of as many as the limit."""

from __future__ import annotations

FIRST_LIMIT = 8
# One failure in three answers is overload; a single one among many is chance, which fewer requests would not mend.
_OVERLOAD = 1 / 3
# Answers that a judgement on the share of failures needs at least.
_FEWEST = 6
# A round that took this many times the best one waited in somebody's queue: more at once would only wait longer.
_QUEUEING = 1.8
# What the best round's time grows by each round, so that an old figure is forgotten.
_FORGETTING = 1.002


class AimdWindow:
    """The limit: doubles each round at first, after that one more each round, and half on overload.

    Overload is a 429 or a `Retry-After`, or a third of a round's answers failing (5xx, cuts, time-outs). What was under
    way when the limit was halved does not halve it again: `epoch` tells the requests apart. The limit stays between 1
    and `cap`, and does not grow while answers take much longer than they did with fewer at once.
    """

    def __init__(self, cap: int, first: int = FIRST_LIMIT) -> None:
        self.cap = max(1, cap)
        self.limit = min(first, self.cap)
        self.epoch = 0
        self._doubling = True
        self._best: float | None = None
        self._start_round()

    def good(self, seconds: float | None = None) -> None:
        """A good answer; `seconds` is how long it took, when that tells anything."""
        self._answers += 1
        if seconds is not None:
            self._timed += 1
            self._seconds += seconds
        self._end_round()

    def trouble(self, epoch: int, *, overload: bool) -> None:
        """A request of an epoch failed; `overload` says that the platform itself told so."""
        if epoch != self.epoch:
            return
        self._answers += 1
        self._troubles += 1
        if overload or (self._answers >= _FEWEST and self._troubles > _OVERLOAD * self._answers):
            self.limit = max(1, self.limit // 2)
            self.epoch += 1
            self._doubling = False
            self._start_round()
        else:
            self._end_round()

    def _start_round(self) -> None:
        self._answers = self._troubles = self._timed = 0
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
