"""Incremental reader of a program's log file."""

from __future__ import annotations

from pathlib import Path

CHUNK_BYTES = 256 * 1024
CHUNK_LINES = 5000


def read_lines(path: Path, offset: int, to_the_end: bool = False) -> tuple[list[str], int]:
    """Read whole lines of a file from `offset` on, at most one chunk; returns them and the next offset.

    A chunk has at most `CHUNK_BYTES` and `CHUNK_LINES`. The unfinished last line is left for later unless
    `to_the_end`, or unless it fills the chunk alone. Of a line that a progress bar overwrote with carriage returns, the
    last text is kept.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            chunk = file.read(CHUNK_BYTES)
    except FileNotFoundError:
        return [], offset
    lines = chunk.split(b"\n", CHUNK_LINES)
    rest = lines.pop()
    is_end = len(lines) < CHUNK_LINES and len(chunk) < CHUNK_BYTES
    if rest and ((to_the_end and is_end) or len(rest) == CHUNK_BYTES):
        lines.append(rest)
        rest = b""
    texts = [line.decode("utf-8", "replace") for line in lines]
    return [text.rstrip("\r").rpartition("\r")[2] for text in texts], offset + len(chunk) - len(rest)
