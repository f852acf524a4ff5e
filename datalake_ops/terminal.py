"""Output of programs: tables and one live line for people (rich), JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from datalake_ops.arguments.texts import printable, sendable

if TYPE_CHECKING:
    from rich.console import Console

# Columns of output that goes into a file or a pipe: no identifier is cut there.
_UNBOUNDED = 100_000


def print_json(value: Any) -> None:
    """Print one JSON value; values without a JSON form (ids, dates, paths) as their text."""
    print(sendable(json.dumps(value, indent=2, ensure_ascii=False, default=str)))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in columns as wide as their longest cell; columns that hold only numbers are right-aligned.

    On a terminal, cells wrap at its width; elsewhere no cell is wrapped or cut.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    cells = [[printable(str(cell)) for cell in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for index, heading in enumerate(headings):
        numeric = bool(cells) and all(_is_number(row[index]) for row in cells)
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        # Text, and no markup: square brackets of a file name stay.
        table.add_row(*map(Text, row))
    _console(sys.stdout).print(table)


@contextmanager
def live_line() -> Iterator[Callable[[str], None]]:
    """Show one line on standard error that each call overwrites; show nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.text import Text

    with _console(sys.stderr).status("") as status:
        yield lambda text: status.update(Text(text, no_wrap=True, overflow="ellipsis"))


def size(count: float) -> str:
    """Return a number of bytes in decimal units, such as `1.5 MB`."""
    from rich.filesize import decimal

    return decimal(int(count))


def _console(stream: Any) -> Console:
    from rich.console import Console

    return Console(file=stream, width=None if stream.isatty() else _UNBOUNDED, highlight=False)


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "", 1).isdigit() or text in ("", "-")
