"""File tracker of a deduplicated upload: object name, journal, claim, tags and duplicate check of one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datalake_ops.errors import AnswerError, BadRequestError, NotFoundError, ResourceConflictError, UploadError
from datalake_ops.upload.dedup.content_address import ObjectNaming
from datalake_ops.upload.dedup.duplicate_check import DuplicateCheck, RegisteredFile
from datalake_ops.upload.dedup.singleflight import Claim, SingleFlight
from datalake_ops.upload.dedup.tag_backfill import TagBackfill
from datalake_ops.upload.dedup.tracker import ResumePoint
from datalake_ops.upload.journal.step_recorder import StepRecorder
from datalake_ops.upload.prepare import PreparedFile
from datalake_ops.wire.data import Data

# Answers of a platform about an object or a multipart upload that it does not know any more.
_GONE = (BadRequestError, NotFoundError, ResourceConflictError)


@dataclass(frozen=True)
class SharedChecks:
    """The parts of a deduplicated upload that all its files share; without a content key there is no `duplicates`."""

    naming: ObjectNaming
    claims: SingleFlight
    tags: TagBackfill
    duplicates: DuplicateCheck | None


class DedupFileTracker:
    """Tracker of one file whose claim is held: it is journaled, and compared again after its registration."""

    def __init__(
        self,
        checks: SharedChecks,
        file: PreparedFile,
        claim: Claim,
        recorder: StepRecorder,
        custom_metadata: Mapping[str, Any] | None = None,
        resume: ResumePoint | None = None,
    ) -> None:
        self.custom_metadata = custom_metadata
        self.resume = resume
        self._checks = checks
        self._file = file
        self._claim = claim
        self._recorder = recorder
        self._ended = False

    async def choose_name(self, object_name: str) -> str:
        """Return the name that every worker with this file derives; the platform's own where none is agreed on."""
        name = self._checks.naming.name(object_name, self._file.file.name, self._recorder.step.digest)
        self._recorder.named(name)
        return name

    async def name_replaced(self, object_name: str) -> None:
        """Journal the platform's name."""
        self._recorder.named(object_name)

    async def names_refused(self, refusal: AnswerError) -> None:
        """Use the platform's names for all files from now on."""
        self._checks.naming.refuse(refusal)

    async def parts_begun(self, object_name: str, upload_id: str) -> None:
        """Journal the multipart upload."""
        await self._recorder.parts_begun(object_name, upload_id)

    async def part_done(self, upload_id: str, part_number: int, etag: str) -> None:
        """Journal one part."""
        self._recorder.part_done(upload_id, part_number, etag)

    async def stored(self, object_name: str) -> None:
        """Journal that the object is whole, before it is registered."""
        await self._recorder.stored(object_name)

    async def registered(self, data: Data) -> None:
        """Journal the data, release the claim, and queue the data for its tags and the duplicate check."""
        self._recorder.registered(data.object_name, data.id)
        self._ended = True
        self._checks.claims.done(self._claim, data)
        file = self._file
        # Another worker may have been faster, with tags of its own.
        await self._checks.tags.ensure(file.entry, data, file.draft.tags)
        if self._checks.duplicates is not None:
            digest = self._recorder.step.digest
            await self._checks.duplicates.add(RegisteredFile(file.entry.index, file.file.name, digest, data.id))

    async def failed(self, error: UploadError) -> None:
        """Release the claim, so that another file of the content may try.

        What an earlier run left and the platform does not know any more is not tried again.
        """
        if self._ended:
            return
        self._ended = True
        if self.resume is not None and isinstance(error.__cause__, _GONE):
            self._recorder.reset()
        self._checks.claims.done(self._claim, None)
