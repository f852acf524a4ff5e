"""What programs print: tables for people, JSON for scripts, progress only on a terminal."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

# To the beginning of the line, and clear it.
_BACK = "\r\x1b[K"


def print_json(value: Any) -> None:
    """Print one JSON value; what is no JSON (ids, dates, paths) as its text."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in columns as wide as their longest cell."""
    print("\n".join(table(headings, rows)))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a table; columns that hold only numbers are set flush right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(headings, *cells, strict=True)]
    right = [bool(cells) and all(_is_number(row[index]) for row in cells) for index in range(len(headings))]

    def line(row: Sequence[str]) -> str:
        placed = (
            text.rjust(width) if flush else text.ljust(width)
            for text, width, flush in zip(row, widths, right, strict=True)
        )
        return "  ".join(placed).rstrip()

    return [line(headings), line(["-" * width for width in widths]), *map(line, cells)]


def show_progress(text: str) -> None:
    """Write over the current line of the terminal; nothing when standard error is no terminal."""
    if sys.stderr.isatty():
        print(f"{_BACK}{_fitting(text)}", end="", file=sys.stderr, flush=True)


def end_progress() -> None:
    """Clear the progress line."""
    if sys.stderr.isatty():
        print(_BACK, end="", file=sys.stderr, flush=True)


def size(count: float) -> str:
    """A number of bytes as people read it."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _fitting(text: str) -> str:
    """The text cut to the terminal's width: a line that wraps cannot be written over."""
    return text[: shutil.get_terminal_size().columns - 1]


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "", 1).isdigit() or text in ("", "-")
