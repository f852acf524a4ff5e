"""Deduplication of an upload: comparison with the lake, agreement between workers, and a journal."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.errors import ConfigurationError, DatalakeError, UploadError
from datalake_ops.lake import Lake
from datalake_ops.upload.dedup.content_address import ObjectNaming
from datalake_ops.upload.dedup.duplicate_check import DuplicateCheck
from datalake_ops.upload.dedup.file_history import ExistingFile, FileFingerprint, FileHistory, stamp_of
from datalake_ops.upload.dedup.file_tracker import DedupFileTracker, SharedChecks
from datalake_ops.upload.dedup.hashing import Hasher, sha256_of
from datalake_ops.upload.dedup.lake_index import ContentKey, LakeIndex
from datalake_ops.upload.dedup.precheck import Precheck
from datalake_ops.upload.dedup.resume import resume_point
from datalake_ops.upload.dedup.settlement import content_metadata, settle
from datalake_ops.upload.dedup.singleflight import Claim, SingleFlight
from datalake_ops.upload.dedup.tag_backfill import TagBackfill
from datalake_ops.upload.dedup.tracker import FileTracker, FinalChecks, NullTracker, UploadTracker
from datalake_ops.upload.journal.open import open_journal
from datalake_ops.upload.journal.step_recorder import StepRecorder
from datalake_ops.upload.journal.steps import FileProgress, State, Step
from datalake_ops.upload.journal.writer import JournalWriter
from datalake_ops.upload.prepare import PreparedFile
from datalake_ops.upload.reporting.report import FileReport
from datalake_ops.upload.reporting.rows import failed_row
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import Entry, OpenFile
from datalake_ops.wire.data import Data
from datalake_ops.wire.paging import PAGE_SIZE

logger = logging.getLogger(__name__)
# Hashing this much takes no longer than handing it to another thread.
_INLINE_BYTES = 64 * 1024


async def open_tracker(session: AsyncSession, lake: Lake, request: UploadRequest) -> UploadTracker:
    """Return the tracker that a request asks for.

    Raises:
        ConfigurationError: the journal cannot be used, or the lake's schema has no place for the content key and there
            is no journal either. Nothing was sent.
    """
    if not request.compares and request.journal is None:
        return NullTracker()
    lake_index = LakeIndex(session, lake.datalake.id)
    key = await lake_index.content_key(request.options.content_key) if request.compares else None
    if request.compares and key is None:
        _check_schema(request)
    journal = None
    if request.journal is not None:
        journal = JournalWriter(await asyncio.to_thread(open_journal, request.journal, lake.datalake.id))
    return Deduplicator(session, lake, request, lake_index, key, journal)


def _check_schema(request: UploadRequest) -> None:
    reason = f"The lake's schema of custom metadata has no place for {request.options.content_key!r}"
    if request.journal is None:
        raise ConfigurationError(
            f"{reason}, so files that are there already cannot be found, and nothing was sent. Allow extra keys, add "
            "that key to the schema as a STRING, or give a journal=."
        )
    logger.warning("%s; only the journal tells which files are there already.", reason)


class Deduplicator:
    """Upload tracker that sends no file twice, by the lake's content key, a journal, or both."""

    batch = PAGE_SIZE

    def __init__(
        self,
        session: AsyncSession,
        lake: Lake,
        request: UploadRequest,
        lake_index: LakeIndex,
        key: ContentKey | None,
        journal: JournalWriter | None,
    ) -> None:
        self._session = session
        self._lake = lake
        self._request = request
        self._lake_index = lake_index
        self._key = key
        self._journal = journal
        self._hasher = Hasher()
        self._precheck = Precheck(request, lake_index, key, journal)
        self._checks = SharedChecks(
            ObjectNaming(lake.datalake.id, by_content=request.compares),
            # Without a comparison each file is one of its own.
            SingleFlight(remembers=request.compares),
            TagBackfill(session),
            DuplicateCheck(lake_index, key) if key is not None else None,
        )

    async def precheck(self, entries: Sequence[Entry]) -> Sequence[FileReport | None]:
        """Look the entries up in one call, and settle those that the lake has."""
        try:
            existing = await self._precheck.look_up(entries)
        except DatalakeError as error:
            return [_not_compared(entry, error) for entry in entries]
        rows = [
            self._settle(entry, file) if file is not None else None
            for entry, file in zip(entries, existing, strict=True)
        ]
        await self._checks.tags.attach_full()
        return rows

    def forget(self, index: int) -> None:
        """Drop the history of a file that cannot be opened."""
        self._precheck.take(index)

    async def begin(self, file: PreparedFile) -> FileReport | FileTracker:
        """Return the row of a file that the lake has or gets from another file of this run, else its tracker."""
        history = self._precheck.take(file.entry.index)
        digest = await self._digest(file.file, history)
        stamp, tags = stamp_of(file.file), file.draft.tags
        existing = history.match(FileFingerprint(digest, stamp, tags), self._key)
        if existing is not None:
            return self._settle(file.entry, existing)
        custom_metadata = content_metadata(file, digest, self._key, self._journal is not None)
        claim = (file.file.name, digest) if self._request.compares else (history.path, digest)
        data = await self._sent_in_this_run(claim) or await self._checks.claims.claim(claim)
        if data is not None:
            return self._settle(file.entry, ExistingFile(data, False, tags))
        step = Step(history.path, State.NAMED, *stamp, digest)
        try:
            return await self._track(file, claim, custom_metadata, step, history.progress)
        except Exception:
            self._checks.claims.done(claim, None)
            raise

    async def finish(self) -> FinalChecks:
        """Attach the tags that wait, and check for duplicates a last time."""
        checks = self._checks
        errors = await checks.tags.attach()
        notes = [*checks.tags.notes(), *checks.naming.notes()]
        if checks.duplicates is not None:
            await checks.duplicates.check()
            notes += checks.duplicates.notes()
        if self._journal is not None and self._journal.failure is not None:
            notes.append(f"This run cannot be resumed: {self._journal.failure}.")
        return FinalChecks(tuple(notes), checks.duplicates.duplicates if checks.duplicates else {}, errors)

    async def close(self) -> None:
        """Close the journal and the threads."""
        self._hasher.close()
        if self._journal is not None:
            await self._journal.close()

    def _settle(self, entry: Entry, file: ExistingFile) -> FileReport:
        return settle(entry, file, self._request.options.if_exists, self._checks)

    async def _track(
        self,
        file: PreparedFile,
        claim: Claim,
        custom_metadata: dict[str, str] | None,
        step: Step,
        progress: FileProgress | None,
    ) -> FileTracker:
        resume = None
        if progress is not None and is_same_file(progress.step, step):
            resume = await resume_point(self._session, self._lake, progress, file.file.size)
            step = progress.step if resume is not None else step
        return DedupFileTracker(self._checks, file, claim, StepRecorder(step, self._journal), custom_metadata, resume)

    async def _sent_in_this_run(self, claim: Claim) -> Data | None:
        # It may have ended after the entry at hand was looked up.
        data_id = self._checks.claims.ended(claim)
        return None if data_id is None else (await self._lake_index.by_id([data_id])).get(data_id)

    async def _digest(self, file: OpenFile, history: FileHistory) -> str:
        if file.content is not None and file.size <= _INLINE_BYTES:
            return sha256_of(file)
        known = history.digest_of(stamp_of(file)) if file.content is None else None
        return known or await self._hasher.sha256_of(file)


def _not_compared(entry: Entry, error: DatalakeError) -> FileReport:
    text = f"{entry.path} was not sent, because the lake could not be asked for it: {error}"
    return failed_row(entry.path, UploadError(text, entry.path))


def is_same_file(one: Step, other: Step) -> bool:
    """Return True if two steps are of the same file, unchanged."""
    return (one.size, one.modified_ns, one.digest) == (other.size, other.modified_ns, other.digest)
