"""Progress of all shards of an upload together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prefect_tasks.ui.artifacts import ProgressArtifact

if TYPE_CHECKING:
    from datalake_ops.upload.progress import Progress


@dataclass
class ShardProgress:
    """Progress of each shard of this process; shards elsewhere are added when they have ended."""

    files: int
    began_at: float = field(default_factory=time.monotonic)
    shards: dict[int, Progress] = field(default_factory=dict)

    @property
    def progress(self) -> Progress:
        """All shards together."""
        from datalake_ops.upload.progress import Progress

        told = [*self.shards.values()]
        sums = {name: sum(getattr(one, name) for one in told) for name in ("done", "bytes", "failed", "skipped")}
        return Progress(total=self.files, **sums)

    def show(self, card: ProgressArtifact) -> None:
        """Update the progress artifact."""
        from datalake_ops.upload.progress import Throughput

        progress = self.progress
        percent = 100.0 * progress.done / self.files if self.files else 100.0
        card(percent, str(Throughput(progress, time.monotonic() - self.began_at)))


# Not in the module of a task: what its function names travels to a cluster, and a ContextVar does not.
_PROGRESS: ContextVar[ShardProgress | None] = ContextVar("datalake_shard_progress", default=None)


@contextmanager
def track_shards(board: ShardProgress) -> Iterator[None]:
    """Collect the progress of threads that are started within the block."""
    token = _PROGRESS.set(board)
    try:
        yield
    finally:
        _PROGRESS.reset(token)


def shard_callback(number: int) -> Callable[[Progress], None] | None:
    """Return the callback for the progress of a shard; None outside `track_shards`, as in another process."""
    board = _PROGRESS.get()
    if board is None:
        return None
    shards = board.shards

    def tell(progress: Progress) -> None:
        shards[number] = progress

    return tell
