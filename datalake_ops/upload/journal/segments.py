"""Journal at any fsspec URL, for workers whose disk goes with them: one small JSONL object after another."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from datalake_ops.errors import ConfigurationError
from datalake_ops.upload.journal.steps import FileProgress, JournalError, State, Step, progress_by_path

logger = logging.getLogger(__name__)
# Objects that are read, and held, together.
_TOGETHER = 64


class SegmentJournal:
    """Journal in a folder of an fsspec file system; each run adds objects of its own and changes none.

    What is there is read once, whole: about 1 kB of memory for each file of earlier runs.

    Raises:
        ConfigurationError: fsspec is not installed, or the folder cannot be read or written.
    """

    def __init__(self, url: str, lake: UUID) -> None:
        self._url = url
        self._lake = str(lake)
        # Names in the order of time: later runs are read later, and win.
        self._run = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        self._count = 0
        try:
            self._files, self._folder = _opened(url)
            self._known = progress_by_path(self._steps())
            self._append([{"lake": self._lake, "state": "begun"}])
        # Each file system has errors of its own.
        except Exception as error:
            raise ConfigurationError(
                f"The journal at {url} cannot be used ({error}), so nothing was sent. Name a place that can be read "
                "and written, or go without a journal."
            ) from error

    def find(self, paths: Sequence[str]) -> dict[str, FileProgress]:
        """Return the progress of these files in earlier runs; unknown ones are absent."""
        return {path: self._known[path] for path in paths if path in self._known}

    def write(self, steps: Sequence[Step]) -> None:
        """Write steps, as one more object.

        Raises:
            JournalError: they could not be written.
        """
        try:
            self._append([_line(step, self._lake) for step in steps])
        except Exception as error:
            raise JournalError(f"the journal at {self._url} cannot be written any more ({error})") from error

    def close(self) -> None:
        """Do nothing: no file is held open."""

    def _append(self, lines: Sequence[dict[str, Any]]) -> None:
        name = f"{self._folder}/{self._run}-{self._count:08d}.jsonl"
        # ASCII, so that names that are no UTF-8 come back as they were.
        self._files.pipe_file(name, "".join(f"{json.dumps(line)}\n" for line in lines).encode())
        self._count += 1

    def _steps(self) -> Iterator[Step]:
        self._files.makedirs(self._folder, exist_ok=True)
        self._files.invalidate_cache()
        names = sorted(name for name in self._files.ls(self._folder, detail=False) if name.endswith(".jsonl"))
        for start in range(0, len(names), _TOGETHER):
            # Whole, many at a time where the storage can, and without a pattern seen in any name.
            contents = self._files.cat_ranges(names[start : start + _TOGETHER], None, None, on_error="raise")
            steps = (_read(line, self._lake) for content in contents for line in content.splitlines())
            yield from (step for step in steps if step is not None)


def _opened(url: str) -> tuple[Any, str]:
    import fsspec

    files, folder = fsspec.core.url_to_fs(url)
    return files, str(folder).rstrip("/")


def _line(step: Step, lake: str) -> dict[str, Any]:
    line = {name: value for name, value in vars(step).items() if value is not None}
    return {**line, "data_id": str(step.data_id), "lake": lake} if step.data_id else {**line, "lake": lake}


def _read(line: bytes, lake: str) -> Step | None:
    try:
        values = json.loads(line)
        if values.pop("lake") != lake or values["state"] == "begun":
            return None
        values["state"] = State(values["state"])
        if "data_id" in values:
            values["data_id"] = UUID(values["data_id"])
        return Step(**values)
    except (ValueError, TypeError, KeyError):
        # A worker that was killed during a write to a local disk leaves half a line, of a step that nothing relied on.
        logger.debug("A line of the journal cannot be read and is skipped: %r", line[:200])
        return None
