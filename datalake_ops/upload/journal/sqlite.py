"""Journal in a SQLite file."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID

from datalake_ops.errors import ConfigurationError
from datalake_ops.upload.journal.steps import FileProgress, JournalError, State, Step, progress_by_path

FORMAT = 1

# SQLite before 3.32 takes no more values in one statement than this.
_VALUES = 900

_COLUMNS = "path, part, state, size, modified_ns, digest, object_name, upload_id, etag, data_id"

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS step (
    lake TEXT NOT NULL, path BLOB NOT NULL, part INTEGER NOT NULL, state TEXT NOT NULL,
    size INTEGER NOT NULL, modified_ns INTEGER NOT NULL, digest TEXT NOT NULL,
    object_name TEXT, upload_id TEXT, etag TEXT, data_id TEXT,
    PRIMARY KEY (lake, path, part)
) WITHOUT ROWID;
PRAGMA user_version = {FORMAT};
"""

_WRITE = f"INSERT OR REPLACE INTO step (lake, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608


class SqliteJournal:
    """Journal in a SQLite file, for one run at a time; one file may serve several lakes.

    Raises:
        ConfigurationError: the file cannot be written, is no journal, or another run has it open.
    """

    def __init__(self, path: str | os.PathLike[str], lake: UUID) -> None:
        self._path = Path(path)
        self._lake = str(lake)
        self._lock = threading.Lock()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._path, timeout=0.5, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        try:
            self._prepare()
        except (sqlite3.Error, ConfigurationError) as error:
            self._connection.close()
            raise error if isinstance(error, ConfigurationError) else self._unusable(error) from error

    def _prepare(self) -> None:
        run = self._connection.execute
        # Held until the end: the lock goes with the process, however that dies, and keeps a second run out.
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        # Written steps outlive a killed process; after a power cut, the comparison with the lake replaces lost ones.
        run("PRAGMA synchronous = NORMAL")
        version = run("PRAGMA user_version").fetchone()[0]
        if version not in (0, FORMAT):
            raise ConfigurationError(
                f"The journal {self._path} has format {version}, this version of datalake-ops writes {FORMAT}; "
                "name another file."
            )
        self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    def find(self, paths: Sequence[str]) -> dict[str, FileProgress]:
        """Return the progress of these files; unknown ones are absent.

        Raises:
            JournalError: the file cannot be read any more.
        """
        steps: list[Step] = []
        with self._lock:
            for start in range(0, len(paths), _VALUES):
                batch = [_encoded(path) for path in paths[start : start + _VALUES]]
                placeholders = ",".join("?" * len(batch))
                query = f"SELECT {_COLUMNS} FROM step WHERE lake = ? AND path IN ({placeholders})"  # noqa: S608
                try:
                    rows = self._connection.execute(query, (self._lake, *batch)).fetchall()
                except sqlite3.Error as error:
                    raise JournalError(f"the journal {self._path} cannot be read ({error})") from error
                steps.extend(_step(row) for row in rows)
        return progress_by_path(steps)

    def write(self, steps: Sequence[Step]) -> None:
        """Write steps, in one transaction.

        Raises:
            JournalError: they could not be written.
        """
        rows = [(self._lake, *_row(step)) for step in steps]
        with self._lock:
            try:
                self._connection.execute("BEGIN")
                self._connection.executemany(_WRITE, rows)
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._undo()
                raise JournalError(f"the journal {self._path} cannot be written any more ({error})") from error

    def _undo(self) -> None:
        if self._connection.in_transaction:
            # A full disk may have ended the transaction already.
            with closing(self._connection.cursor()) as cursor:
                cursor.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _unusable(self, error: Exception) -> ConfigurationError:
        if "locked" in str(error):
            return ConfigurationError(
                f"Another run has the journal {self._path} open; give each run a journal of its own."
            )
        return ConfigurationError(
            f"The journal {self._path} cannot be used ({error}), so nothing was sent. Name a file in a folder that can "
            "be written and has room, or go without a journal."
        )


def _encoded(path: str) -> bytes:
    # File names need not be UTF-8, as SQLite's text has to be; a name that no disk can have is stored as it is.
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogatepass")


def _row(step: Step) -> tuple[object, ...]:
    data_id = str(step.data_id) if step.data_id else None
    facts = (_encoded(step.path), step.part, step.state.value, step.size, step.modified_ns, step.digest)
    return (*facts, step.object_name, step.upload_id, step.etag, data_id)


def _step(row: tuple[bytes, int, str, int, int, str, str | None, str | None, str | None, str | None]) -> Step:
    path, part, state, size, modified_ns, digest, object_name, upload_id, etag, data_id = row
    return Step(
        path.decode("utf-8", "surrogateescape"),
        State(state),
        size,
        modified_ns,
        digest,
        part,
        object_name,
        upload_id,
        etag,
        UUID(data_id) if data_id else None,
    )
