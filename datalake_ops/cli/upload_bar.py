"""Progress of an upload on standard error: a bar on a terminal, lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from datalake_ops.terminal import size

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from datalake_ops.upload.progress import Progress

Show = Callable[["Progress"], None]


@contextmanager
def upload_bar() -> Iterator[Show]:
    """Give a function that shows each progress: as a bar on a terminal, as a line every few seconds elsewhere."""
    from datalake_ops.upload.progress import LogProgress

    if not sys.stderr.isatty():
        yield LogProgress(lambda text: print(text, file=sys.stderr, flush=True))
        return
    with _bar() as bar:
        task = bar.add_task("", total=None, summary="")

        def show(progress: Progress) -> None:
            failed = f", {progress.failed} failed" if progress.failed else ""
            skipped = f", {progress.skipped} skipped" if progress.skipped else ""
            summary = f"{size(progress.bytes)}{skipped}{failed}"
            bar.update(task, completed=progress.done, total=progress.total, summary=summary)

        yield show


def _bar() -> Bar:
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("files, {task.fields[summary]}"),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
