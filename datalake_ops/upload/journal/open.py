"""Journal opened from a path (SQLite) or an fsspec URL (segments)."""

from __future__ import annotations

import os
from uuid import UUID

from datalake_ops.upload.journal.sqlite import SqliteJournal
from datalake_ops.upload.journal.steps import Journal


def open_journal(location: str | os.PathLike[str], lake: UUID) -> Journal:
    """Open the journal at a path or an fsspec URL; blocks.

    Raises:
        ConfigurationError: it cannot be used.
    """
    text = os.fspath(location)
    if "://" in text:
        from datalake_ops.upload.journal.segments import SegmentJournal

        return SegmentJournal(text, lake)
    return SqliteJournal(text, lake)
