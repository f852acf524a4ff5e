"""Interface between sending and deduplication: asked before a file is sent, notified after each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from datalake_ops.errors import AnswerError, UploadError
from datalake_ops.upload.prepare import PreparedFile
from datalake_ops.upload.reporting.report import FileReport
from datalake_ops.upload.sources.entry import Entry
from datalake_ops.wire.data import Data


@dataclass(frozen=True)
class ResumePoint:
    """Progress of an earlier run with the same file.

    `object_name` is the name that run used; the object may be registered already, so it is looked up first. `stored`
    says that all bytes are stored and only the registration is missing. `upload_id` and `etags` (by part number) are
    those of an unfinished multipart upload.
    """

    object_name: str
    stored: bool = False
    upload_id: str | None = None
    etags: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FinalChecks:
    """Results of the checks at the end of a run; rows are named by their entry's index.

    `duplicates` maps a row to the ids of other data of the same name and content, `errors` turn a row into a FAILED
    one, and `notes` are sentences on the run as a whole.
    """

    notes: tuple[str, ...] = ()
    duplicates: Mapping[int, tuple[UUID, ...]] = field(default_factory=dict)
    errors: Mapping[int, UploadError] = field(default_factory=dict)


class FileTracker(Protocol):
    """Tracker of one file that is being sent.

    Each method is awaited right after the step that it names, so that what is written down is never ahead of the
    platform. An exception of a method fails the file.
    """

    @property
    def resume(self) -> ResumePoint | None:
        """The progress of an earlier run, if there is any."""

    @property
    def custom_metadata(self) -> Mapping[str, Any] | None:
        """Values to add to the registration."""

    async def choose_name(self, object_name: str) -> str:
        """Return the object name to use, given the one that the platform generated. No byte was sent yet."""

    async def name_replaced(self, object_name: str) -> None:
        """The name of `choose_name` was refused; `object_name` is used instead."""

    async def names_refused(self, refusal: AnswerError) -> None:
        """The platform refused the name of `choose_name`, and took its own for the same file."""

    async def parts_begun(self, object_name: str, upload_id: str) -> None:
        """A multipart upload was begun."""

    async def part_done(self, upload_id: str, part_number: int, etag: str) -> None:
        """The storage took one part."""

    async def stored(self, object_name: str) -> None:
        """The storage has the whole object; it is not registered yet."""

    async def registered(self, data: Data) -> None:
        """The lake has the data."""

    async def failed(self, error: UploadError) -> None:
        """The file's row is FAILED; what was written down of it may serve a later run."""


class UploadTracker(Protocol):
    """Tracker of an upload: settles the files that need no sending, and tracks the others.

    `precheck` gets up to `batch` entries at a time, in input order, before anybody opened them; `begin` gets those that
    it left open. `close` is called once, whatever happened.
    """

    @property
    def batch(self) -> int:
        """Number of entries that `precheck` gets together."""

    async def precheck(self, entries: Sequence[Entry]) -> Sequence[FileReport | None]:
        """Return for each entry its final row, or None where the file has to be opened first."""

    def forget(self, index: int) -> None:
        """Drop what `precheck` kept of an entry that cannot be opened."""

    async def begin(self, file: PreparedFile) -> FileReport | FileTracker:
        """Return the final row of a file, or its tracker when it is to be sent.

        May wait for another file of the same content that is being sent.
        """

    async def finish(self) -> FinalChecks:
        """Make the final checks, when all rows are written."""

    async def close(self) -> None:
        """Release what is held."""


class NullFileTracker:
    """File tracker that keeps nothing and uses the platform's names."""

    resume: ResumePoint | None = None
    custom_metadata: Mapping[str, Any] | None = None

    async def choose_name(self, object_name: str) -> str:
        """Return the platform's name."""
        return object_name

    async def name_replaced(self, object_name: str) -> None:
        """Do nothing."""

    async def names_refused(self, refusal: AnswerError) -> None:
        """Do nothing."""

    async def parts_begun(self, object_name: str, upload_id: str) -> None:
        """Do nothing."""

    async def part_done(self, upload_id: str, part_number: int, etag: str) -> None:
        """Do nothing."""

    async def stored(self, object_name: str) -> None:
        """Do nothing."""

    async def registered(self, data: Data) -> None:
        """Do nothing."""

    async def failed(self, error: UploadError) -> None:
        """Do nothing."""


class NullTracker:
    """Upload tracker that compares nothing and keeps nothing: every file is sent."""

    batch = 64

    async def precheck(self, entries: Sequence[Entry]) -> Sequence[FileReport | None]:
        """Leave every entry open."""
        return [None] * len(entries)

    def forget(self, index: int) -> None:
        """Do nothing."""

    async def begin(self, file: PreparedFile) -> FileReport | FileTracker:
        """Return a tracker that keeps nothing."""
        return NullFileTracker()

    async def finish(self) -> FinalChecks:
        """Return no findings."""
        return FinalChecks()

    async def close(self) -> None:
        """Do nothing."""
