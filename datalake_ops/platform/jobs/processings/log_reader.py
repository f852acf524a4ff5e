"""Incremental reader of a program's log file."""

from __future__ import annotations

from pathlib import Path

CHUNK_BYTES = 256 * 1024


def read_lines(path: Path, offset: int, to_the_end: bool = False) -> tuple[list[str], int]:
    """Read whole lines of a file from `offset` on, at most one chunk; returns them and the next offset.

    The unfinished last line is left for later unless `to_the_end`, or unless it fills the chunk alone. Of a line that a
    progress bar overwrote with carriage returns, the last text is kept.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            chunk = file.read(CHUNK_BYTES)
    except FileNotFoundError:
        return [], offset
    whole = chunk.rfind(b"\n") + 1
    if not whole and len(chunk) == CHUNK_BYTES:
        whole = len(chunk)
    if to_the_end and len(chunk) < CHUNK_BYTES:
        whole = len(chunk)
    if not whole:
        return [], offset
    texts = chunk[:whole].decode("utf-8", "replace").removesuffix("\n").split("\n")
    return [line.rstrip("\r").rpartition("\r")[2] for line in texts], offset + whole
