"""Progress of an upload: counts, rates, and its reports to a log or a callback."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)
# Seconds between two calls of a progress callback.
INTERVAL = 0.25
# Seconds after which the callback is called without a change: it may be what stops the upload.
REPEAT = 1.0
# Seconds between two lines of a log.
LOG_INTERVAL = 5.0


@dataclass(frozen=True)
class Progress:
    """Files finished so far (of them `failed` and `skipped`), files in all, and bytes stored.

    `total` is None while it is not known: a folder is still being listed.
    """

    done: int
    total: int | None
    bytes: int
    failed: int
    skipped: int = 0


# Callback of the caller: called from the thread that uploads, a few times a second when anything changes, and once a
# second when nothing does.
OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Throughput:
    """Throughput of an upload after some seconds, and its estimated time left."""

    progress: Progress
    seconds: float

    @property
    def files_per_second(self) -> float:
        """Files finished per second."""
        return self.progress.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def bytes_per_second(self) -> float:
        """Bytes stored per second."""
        return self.progress.bytes / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end at this rate; None while the number of files or the rate is not known."""
        if self.progress.total is None or not self.files_per_second:
            return None
        return max(0, self.progress.total - self.progress.done) / self.files_per_second

    def __str__(self) -> str:
        progress = self.progress
        of_all = "" if progress.total is None else f" of {progress.total}"
        parts = [
            f"{progress.done}{of_all} files",
            f"{progress.bytes / 1e6:.1f} MB",
            f"{self.files_per_second:.0f} files/s",
            f"{self.bytes_per_second / 1e6:.1f} MB/s",
        ]
        if self.seconds_left is not None and progress.done != progress.total:
            parts.append(f"{self.seconds_left:.0f} s left")
        parts += [
            f"{count} {word}" for count, word in ((progress.skipped, "skipped"), (progress.failed, "failed")) if count
        ]
        return ", ".join(parts)


class LogProgress:
    """Progress callback that logs every few seconds: files, bytes, rate, time left, failures."""

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
        """Log the progress when a line is due; an `on_progress` of an upload."""
        now = self._clock()
        if now >= self._next_at:
            self._next_at = now + self._every
            self._log(f"Uploading: {Throughput(progress, now - self._started_at)}")


class ProgressReporter:
    """Caller of a progress callback: on a change, every second without one, and at the end, in the caller's thread.

    An `Exception` of the callback is logged, and it is not called again; the upload goes on. Another exception
    (KeyboardInterrupt, an orchestrator's cancellation) stops the upload.
    """

    def __init__(
        self,
        on_progress: OnProgress | None,
        current: Callable[[], Progress],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_progress = on_progress
        self._current = current
        self._clock = clock
        self._reported: Progress | None = None
        self._repeat_at = 0.0

    @property
    def interval(self) -> float | None:
        """Seconds until the next call is due; None without a callback."""
        return None if self._on_progress is None else INTERVAL

    def __call__(self) -> None:
        """Call the callback if anything changed since the last call, or that call was a second ago."""
        progress, now = self._current(), self._clock()
        if self._on_progress is None or (progress == self._reported and now < self._repeat_at):
            return
        self._reported, self._repeat_at = progress, now + REPEAT
        try:
            self._on_progress(progress)
        except Exception:
            logger.exception("The progress callback failed; the upload goes on without it.")
            self._on_progress = None
