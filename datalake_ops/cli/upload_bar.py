"""How a person sees an upload go on: a bar on a terminal, lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from datalake_ops.terminal import end_progress, show_progress

if TYPE_CHECKING:
    from datalake_ops.upload.progress import Progress

Show = Callable[["Progress"], None]


@contextmanager
def watched() -> Iterator[Show]:
    """What shows the progress meanwhile: a bar when rich is installed, else one line that is written over.

    Standard error that is no terminal gets a line every few seconds.
    """
    from datalake_ops.upload.progress import LogProgress

    if not sys.stderr.isatty():
        yield LogProgress(lambda text: print(text, file=sys.stderr, flush=True))
        return
    try:
        from rich import progress as rich_progress
    except ImportError:
        yield LogProgress(show_progress, every=0.0)
        end_progress()
        return
    with _bar(rich_progress) as bar:
        task = bar.add_task("", total=None, said="")

        def show(progress: Progress) -> None:
            failed = f", {progress.failed} failed" if progress.failed else ""
            skipped = f", {progress.skipped} skipped" if progress.skipped else ""
            said = f"{progress.bytes / 1e6:.1f} MB{skipped}{failed}"
            bar.update(task, completed=progress.done, total=progress.total, said=said)

        yield show


def _bar(rich_progress: Any) -> Any:
    from rich.console import Console

    return rich_progress.Progress(
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TextColumn("files, {task.fields[said]}"),
        rich_progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
