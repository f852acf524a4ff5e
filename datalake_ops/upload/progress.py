"""How far an upload is, told to whoever asks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)
# Seconds between two calls of a progress callback.
INTERVAL = 0.25
# Seconds after which the callback is called though nothing is new: it may be what stops the upload.
REPEAT = 1.0
# Seconds between two lines of a log.
LOG_INTERVAL = 5.0


@dataclass(frozen=True)
class Progress:
    """Files ended so far (`failed` of them badly, `skipped` because they are there), files in all, and bytes stored.

    `total` is None while nobody knows: a folder is still being listed.
    """

    done: int
    total: int | None
    bytes: int
    failed: int
    skipped: int = 0


# What adapters give to be told: called from the thread that uploads, a few times a second when anything is new, and
# once a second when nothing is.
OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Throughput:
    """How fast an upload is after some seconds, and how long it will still take as far as anybody knows."""

    progress: Progress
    seconds: float

    @property
    def files_per_second(self) -> float:
        """Files ended per second."""
        return self.progress.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def bytes_per_second(self) -> float:
        """Bytes stored per second."""
        return self.progress.bytes / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end at this pace; None while the number of files or the pace is not known."""
        if self.progress.total is None or not self.files_per_second:
            return None
        return max(0, self.progress.total - self.progress.done) / self.files_per_second

    def __str__(self) -> str:
        progress = self.progress
        of_all = "" if progress.total is None else f" of {progress.total}"
        told = [
            f"{progress.done}{of_all} files",
            f"{progress.bytes / 1e6:.1f} MB",
            f"{self.files_per_second:.0f} files/s",
            f"{self.bytes_per_second / 1e6:.1f} MB/s",
        ]
        if self.seconds_left is not None and progress.done != progress.total:
            told.append(f"{self.seconds_left:.0f} s left")
        told += [
            f"{count} {word}" for count, word in ((progress.skipped, "skipped"), (progress.failed, "failed")) if count
        ]
        return ", ".join(told)


class LogProgress:
    """Logs every few seconds how far an upload is: files, bytes, rate, time left, failures."""

    def __init__(
        self,
        log: Callable[[str], object] | None = None,
        every: float = LOG_INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log or (lambda text: logger.info("%s", text))
        self._every = every
        self._clock = clock
        self._started_at = clock()
        self._next_at = self._started_at + every

    def __call__(self, progress: Progress) -> None:
        """Take note of the progress, as `on_progress` of an upload."""
        now = self._clock()
        if now >= self._next_at:
            self._next_at = now + self._every
            self._log(f"Uploading: {Throughput(progress, now - self._started_at)}")


class ProgressReporter:
    """Tells a callback what is new, or every second that nothing is, from the caller's thread, and once at the end.

    An exception of the callback is logged and ends the telling, never the upload; what is no `Exception`
    (KeyboardInterrupt, an orchestrator's cancellation) stops the upload.
    """

    def __init__(
        self,
        on_progress: OnProgress | None,
        current: Callable[[], Progress],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = on_progress
        self._current = current
        self._clock = clock
        self._told: Progress | None = None
        self._again_at = 0.0

    @property
    def interval(self) -> float | None:
        """Seconds until the next call is due; None when there is nobody to tell."""
        return None if self._tell is None else INTERVAL

    def __call__(self) -> None:
        """Call the callback if anything changed since the last call, or that was a second ago."""
        progress, now = self._current(), self._clock()
        if self._tell is None or (progress == self._told and now < self._again_at):
            return
        self._told, self._again_at = progress, now + REPEAT
        try:
            self._tell(progress)
        except Exception:
            logger.exception("The progress callback failed; the upload goes on without it.")
            self._tell = None
