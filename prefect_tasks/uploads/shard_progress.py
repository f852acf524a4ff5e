"""How far the shards of an upload are, all together."""

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
    """How far each shard of this process is; shards elsewhere are known when they have ended."""

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
        """Tell the card."""
        from datalake_ops.upload.progress import Throughput

        progress = self.progress
        percent = 100.0 * progress.done / self.files if self.files else 100.0
        card(percent, str(Throughput(progress, time.monotonic() - self.began_at)))


# Not in the module of a task: what its function names travels to a cluster, and a ContextVar does not.
_BOARD: ContextVar[ShardProgress | None] = ContextVar("datalake_board", default=None)


@contextmanager
def track_shards(board: ShardProgress) -> Iterator[None]:
    """Threads that are started within tell this board."""
    token = _BOARD.set(board)
    try:
        yield
    finally:
        _BOARD.reset(token)


def shard_callback(number: int) -> Callable[[Progress], None] | None:
    """What takes note of the progress of a shard; None where there is no board, as in another process."""
    board = _BOARD.get()
    if board is None:
        return None
    shards = board.shards

    def tell(progress: Progress) -> None:
        shards[number] = progress

    return tell
