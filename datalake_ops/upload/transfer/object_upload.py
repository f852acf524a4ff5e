"""One upload of a file to an object of the storage: its name, its attempts, and the checkpoint of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from datalake_ops.client import uploads
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.lake import Lake
from datalake_ops.upload.sources.entry import OpenFile
from datalake_ops.upload.sources.file_parts import FilePart
from datalake_ops.wire.uploads import ObjectType, PresignedUpload


@dataclass
class AttemptCounter:
    """Count of the requests to the storage: 0 while nothing was sent, then 1 plus each repeated request.

    `signed` is True when the platform gave an address.
    """

    count: int = 0
    signed: bool = False

    def start(self) -> None:
        """Count the first request."""
        self.count = max(1, self.count)

    def repeat(self) -> None:
        """Count a repeated request."""
        self.count += 1


class PartCheckpoint(Protocol):
    """Checkpoint of a multipart upload: notified of each step, for a later run."""

    async def parts_begun(self, object_name: str, upload_id: str) -> None:
        """A multipart upload was begun."""

    async def part_done(self, upload_id: str, part_number: int, etag: str) -> None:
        """The storage took one part."""


class ResumableParts(Protocol):
    """Parts that an earlier run stored."""

    @property
    def upload_id(self) -> str | None:
        """The multipart upload that the earlier run began."""

    @property
    def etags(self) -> Mapping[int, str]:
        """The ETags of the stored parts, by number."""


@dataclass(frozen=True)
class ObjectUpload:
    """Upload of a file to an object; `resume` has the parts of an earlier run, `address` was signed for it ahead."""

    file: OpenFile
    object_name: str
    content_type: str
    attempts: AttemptCounter = field(default_factory=AttemptCounter)
    checkpoint: PartCheckpoint | None = None
    resume: ResumableParts | None = None
    address: PresignedUpload | None = None

    @property
    def whole(self) -> FilePart:
        """The file as a single part."""
        return FilePart(1, 0, self.file.size)


async def new_object_name(
    session: AsyncSession,
    lake: Lake,
    file: OpenFile,
    *,
    type: ObjectType = ObjectType.DATA,
    upload_dir: str | None = None,
) -> str:
    """Return an object name for a file that the platform generates."""
    operation = uploads.object_name(lake.organization.id, lake.connector_id, file.name, type, upload_dir)
    return (await session.send(operation)).object_name
