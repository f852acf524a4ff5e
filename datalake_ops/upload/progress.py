"""How far an upload is, told to whoever asks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)
# Seconds between two calls of a progress callback.
INTERVAL = 0.25


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


OnProgress = Callable[[Progress], None]


class Teller:
    """Tells a callback what is new, from the caller's thread, and once more at the end.

    An exception of the callback is logged and ends the telling, never the upload; what is no `Exception`
    (KeyboardInterrupt, an orchestrator's cancellation) stops the upload.
    """

    def __init__(self, on_progress: OnProgress | None, current: Callable[[], Progress]) -> None:
        self._tell = on_progress
        self._current = current
        self._told: Progress | None = None

    @property
    def interval(self) -> float | None:
        """Seconds until the next call is due; None when there is nobody to tell."""
        return None if self._tell is None else INTERVAL

    def __call__(self) -> None:
        """Call the callback if anything changed since the last call."""
        progress = self._current()
        if self._tell is None or progress == self._told:
            return
        self._told = progress
        try:
            self._tell(progress)
        except Exception:
            logger.exception("The progress callback failed; the upload goes on without it.")
            self._tell = None
