"""What an upload knows of files that were sent before, and where it writes down how far each one came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol
from uuid import UUID

from datalake_ops.errors import AnswerError, UploadError
from datalake_ops.upload.prepare import Prepared
from datalake_ops.upload.reporting.report import FileReport, FileStatus
from datalake_ops.upload.reporting.rows import failed_row, with_data
from datalake_ops.upload.sources.entry import Entry
from datalake_ops.wire.data import Data


class Action(Enum):
    """What to do with a file."""

    SEND = "send"
    SKIP = "skip"  # the lake has it
    RESUME = "resume"  # an earlier run came some way with it
    REFUSE = "refuse"  # it is there, and that is an error


@dataclass(frozen=True)
class Decision:
    """One file's action and what belongs to it.

    SKIP carries `data`, REFUSE carries `error`. RESUME carries the `object_name` that an earlier run got; `stored`
    says that the bytes are all there and only the registration is missing; `upload_id` and `etags` (by part number)
    are those of a multipart upload under way. `look_first` asks to look the object name up before anything else,
    because an earlier run may have registered it. `custom_metadata` is added to the registration, whatever the action.
    """

    action: Action = Action.SEND
    data: Data | None = None
    error: UploadError | None = None
    object_name: str | None = None
    stored: bool = False
    look_first: bool = False
    upload_id: str | None = None
    etags: Mapping[int, str] = field(default_factory=dict)
    custom_metadata: Mapping[str, Any] | None = None


SEND = Decision()


@dataclass(frozen=True)
class Findings:
    """What the end of a run brings to light; rows are named by their entry's index.

    `doubled` rows have other data of the same name and content in the lake, `errors` turn a row into a FAILED one, and
    `notes` are sentences on the run as a whole.
    """

    notes: tuple[str, ...] = ()
    doubled: Mapping[int, tuple[UUID, ...]] = field(default_factory=dict)
    errors: Mapping[int, UploadError] = field(default_factory=dict)


class UploadTracker(Protocol):
    """Told of each step of each file, and asked before the first.

    `screen` gets up to `batch` entries at a time, in input order, before anybody opened them. The other methods are
    awaited by the courier right before (`begin`) or after the step they name, so that what they write down is never
    ahead of the platform. An exception of theirs fails that file; `close` is called once, whatever happened.
    """

    @property
    def batch(self) -> int:
        """How many entries `screen` wants to see together."""

    async def screen(self, entries: Sequence[Entry]) -> Sequence[Decision | None]:
        """For each entry a final SKIP or REFUSE, or None: it has to be looked at."""

    def forget(self, index: int) -> None:
        """An entry that `screen` left open cannot be looked at, and has its row."""

    async def begin(self, file: Prepared) -> Decision:
        """What to do with one file; may wait for another of the same content that is on its way."""

    async def named(self, file: Prepared, object_name: str) -> str:
        """The platform gave an object name; returns the one to use. No byte was sent yet."""

    async def name_refused(self, file: Prepared, object_name: str) -> None:
        """The platform did not take the name that `named` returned; `object_name` is used instead."""

    async def names_refused(self, refusal: AnswerError) -> None:
        """The platform refused the name that `named` returned, and took its own for the same file."""

    async def parts_begun(self, file: Prepared, object_name: str, upload_id: str) -> None:
        """A multipart upload was begun."""

    async def part_done(self, file: Prepared, upload_id: str, part_number: int, etag: str) -> None:
        """The storage took one part."""

    async def stored(self, file: Prepared, object_name: str) -> None:
        """The storage has the whole object; it is not registered yet."""

    async def registered(self, file: Prepared, data: Data) -> None:
        """The lake has the data."""

    async def failed(self, file: Prepared, error: UploadError) -> None:
        """The file's row is FAILED; what was written down of it may serve a later run."""

    async def finish(self) -> Findings:
        """All rows are written; the last look."""

    async def close(self) -> None:
        """The upload has ended, well or not."""


class NullTracker:
    """Knows nothing and keeps nothing: every file is sent."""

    batch = 64

    async def screen(self, entries: Sequence[Entry]) -> Sequence[Decision | None]:
        """Look at them all."""
        return [None] * len(entries)

    def forget(self, index: int) -> None:
        """Nothing was kept."""

    async def begin(self, file: Prepared) -> Decision:
        """Send it."""
        return SEND

    async def named(self, file: Prepared, object_name: str) -> str:
        """Use the platform's name."""
        return object_name

    async def name_refused(self, file: Prepared, object_name: str) -> None:
        """Nothing to keep."""

    async def names_refused(self, refusal: AnswerError) -> None:
        """It never has names of its own."""

    async def parts_begun(self, file: Prepared, object_name: str, upload_id: str) -> None:
        """Nothing to keep."""

    async def part_done(self, file: Prepared, upload_id: str, part_number: int, etag: str) -> None:
        """Nothing to keep."""

    async def stored(self, file: Prepared, object_name: str) -> None:
        """Nothing to keep."""

    async def registered(self, file: Prepared, data: Data) -> None:
        """Nothing to keep."""

    async def failed(self, file: Prepared, error: UploadError) -> None:
        """Nothing to keep."""

    async def finish(self) -> Findings:
        """Nothing came to light."""
        return Findings()

    async def close(self) -> None:
        """Nothing to close."""


def settled_row(path: str, decision: Decision) -> FileReport | None:
    """The row of a file that is not to be sent; None when it is."""
    if decision.action is Action.SKIP:
        row = FileReport(path, FileStatus.SKIPPED)
        return with_data(row, decision.data) if decision.data is not None else row
    if decision.action is Action.REFUSE:
        return failed_row(path, decision.error or RuntimeError("it was refused without a reason"))
    return None
