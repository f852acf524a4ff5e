"""Steps of the files of an upload, by which a killed run is resumed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from datalake_ops.errors import DatalakeError
from datalake_ops.wire.model import Choice


class JournalError(DatalakeError):
    """The journal can no longer be read or written."""


class State(Choice):
    """State of a file after a step."""

    NAMED = "named"  # it has an object name
    PARTS = "parts"  # a multipart upload was begun
    PART = "part"  # one part of it is stored
    STORED = "stored"  # all bytes are stored
    REGISTERED = "registered"  # it is a data


@dataclass(frozen=True)
class Step:
    """Step of a file.

    A file is the same as long as `size`, `modified_ns` and `digest` are; `part` is 0 but for State.PART. All steps but
    PART hold everything that is known, so that the last one is enough.
    """

    path: str
    state: State
    size: int
    modified_ns: int
    digest: str
    part: int = 0
    object_name: str | None = None
    upload_id: str | None = None
    etag: str | None = None
    data_id: UUID | None = None


@dataclass(frozen=True)
class FileProgress:
    """Progress of a file: its last step, and the ETags of the stored parts, by number."""

    step: Step
    etags: Mapping[int, str] = field(default_factory=dict)


class Journal(Protocol):
    """Store of steps; every method blocks."""

    def find(self, paths: Sequence[str]) -> dict[str, FileProgress]:
        """Return the progress of these files; unknown ones are absent."""

    def write(self, steps: Sequence[Step]) -> None:
        """Write steps; they outlive this process when this returns.

        Raises:
            JournalError: they could not be written.
        """

    def close(self) -> None:
        """Close the journal."""


def progress_by_path(steps: Iterable[Step]) -> dict[str, FileProgress]:
    """Return the progress that steps add up to, in any order of parts and their upload; later steps of a file win."""
    last: dict[str, Step] = {}
    parts: dict[str, list[Step]] = {}
    for step in steps:
        if step.state is State.PART:
            parts.setdefault(step.path, []).append(step)
        else:
            last[step.path] = step
    return {path: FileProgress(step, dict(_etags(step, parts.get(path, ())))) for path, step in last.items()}


def _etags(step: Step, parts: Iterable[Step]) -> Iterator[tuple[int, str]]:
    # Parts of an upload that was given up say nothing of the one that took its place.
    for part in parts:
        if part.upload_id == step.upload_id and part.etag is not None and step.state is State.PARTS:
            yield part.part, part.etag
