"""What an upload knows of files that were sent before, and where it writes down how far each one came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.errors import UploadError
from datalake_ops.upload.prepare import Prepared
from datalake_ops.upload.request import Lake, UploadRequest
from datalake_ops.wire.data import Data


class Action(Enum):
    """What to do with a file that was looked at."""

    SEND = "send"
    SKIP = "skip"  # the lake has it
    RESUME = "resume"  # an earlier run came some way with it
    REFUSE = "refuse"  # it is there, and that is an error


@dataclass(frozen=True)
class Decision:
    """One file's action and what belongs to it.

    SKIP carries `data`, REFUSE carries `error`. RESUME carries the `object_name` that an earlier run got; `stored`
    says that the bytes are all there and only the registration is missing; `upload_id` and `etags` (by part number)
    are those of a multipart upload under way. `look_first` asks to look the object name up before it is registered,
    because an earlier run may have done that. `custom_metadata` is added to the registration, whatever the action.
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


class Ledger(Protocol):
    """Told of each step of each file, and asked before the first.

    `before` gets up to `batch` files at a time, in input order; the other methods are awaited by the courier right
    after the step they name, so that what they write down is never ahead of the platform. An exception of theirs fails
    that file; `close` is called once, whatever happened.
    """

    @property
    def batch(self) -> int:
        """How many files `before` wants to see together."""

    async def before(self, files: Sequence[Prepared]) -> Sequence[Decision]:
        """One decision per file, in order."""

    async def named(self, file: Prepared, object_name: str) -> None:
        """The platform gave an object name; no byte was sent yet."""

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

    async def close(self) -> None:
        """The upload has ended, well or not."""


class NoLedger:
    """Knows nothing and keeps nothing: every file is sent."""

    batch = 64

    async def before(self, files: Sequence[Prepared]) -> Sequence[Decision]:
        """Send them all."""
        return [SEND] * len(files)

    async def named(self, file: Prepared, object_name: str) -> None:
        """Nothing to keep."""

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

    async def close(self) -> None:
        """Nothing to close."""


async def open_ledger(session: AsyncSession, lake: Lake, request: UploadRequest) -> Ledger:
    """The ledger that a request asks for."""
    return NoLedger()
