"""Exactly once: the ledger that compares with the lake, agrees with other workers and writes a journal."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.errors import (
    AnswerError,
    BadRequestError,
    ConfigurationError,
    DatalakeError,
    NotFoundError,
    ResourceConflictError,
    UploadError,
)
from datalake_ops.lake import Lake
from datalake_ops.upload.dedup.content_address import agreed_name
from datalake_ops.upload.dedup.duplicate_check import DuplicateCheck, Fresh
from datalake_ops.upload.dedup.hashing import Hasher, fingerprint
from datalake_ops.upload.dedup.lake_index import ContentKey, LakeIndex
from datalake_ops.upload.dedup.precheck import KnownFile, Precheck, PriorKnowledge, stamp_of
from datalake_ops.upload.dedup.resume import resumed
from datalake_ops.upload.dedup.singleflight import SingleFlight
from datalake_ops.upload.dedup.tag_backfill import TagBackfill
from datalake_ops.upload.dedup.tracker import SEND, Action, Decision, Findings, NullTracker, UploadTracker
from datalake_ops.upload.journal.open import open_journal
from datalake_ops.upload.journal.steps import FileProgress, State, Step
from datalake_ops.upload.journal.writer import JournalWriter
from datalake_ops.upload.prepare import Prepared
from datalake_ops.upload.request import IfExists, UploadRequest
from datalake_ops.upload.sources.entry import Entry, OpenFile
from datalake_ops.wire.data import Data
from datalake_ops.wire.paging import PAGE_SIZE

logger = logging.getLogger(__name__)
# Hashing this much takes no longer than handing it to another thread.
_AT_HAND = 64 * 1024
# What a platform says of an object or an upload that it does not know any more.
_REFUSALS = (BadRequestError, NotFoundError, ResourceConflictError)


async def open_tracker(session: AsyncSession, lake: Lake, request: UploadRequest) -> UploadTracker:
    """The ledger that a request asks for.

    Raises:
        ConfigurationError: the journal cannot be used, or the lake's schema has no place for the content key and there
            is no journal either. Nothing was sent.
    """
    if not request.compares and request.journal is None:
        return NullTracker()
    existing = LakeIndex(session, lake.datalake.id)
    key = await existing.content_key(request.content_key) if request.compares else None
    if request.compares and key is None:
        _tell_forbidden(request)
    recorder = None
    if request.journal is not None:
        recorder = JournalWriter(await asyncio.to_thread(open_journal, request.journal, lake.datalake.id))
    return Deduplicator(session, lake, request, MemorySources(existing, key, recorder))


def _tell_forbidden(request: UploadRequest) -> None:
    what = f"The lake's schema of custom metadata has no place for {request.content_key!r}"
    if request.journal is None:
        raise ConfigurationError(
            f"{what}, so nobody can tell which files are there already, and nothing was sent. Allow extra keys, add "
            "that key to the schema as a STRING, or give a journal= to remember by."
        )
    logger.warning("%s; only the journal tells which files are there already.", what)


@dataclass(frozen=True)
class MemorySources:
    """What a keeper remembers by: the lake, under a content key where there is one, and a journal where it has one."""

    existing: LakeIndex
    key: ContentKey | None
    recorder: JournalWriter | None


@dataclass(frozen=True)
class InFlightFile:
    """A file that this run is sending."""

    claim: tuple[str, str]
    step: Step
    resumed: bool = False


@dataclass
class Deduplicator:
    """The ledger of uploads that must not double anything."""

    session: AsyncSession
    lake: Lake
    request: UploadRequest
    means: MemorySources
    batch: int = PAGE_SIZE
    _ways: dict[int, InFlightFile] = field(default_factory=dict)
    _twins: SingleFlight = field(init=False)
    _tags: TagBackfill = field(default_factory=TagBackfill)
    _refused: str | None = None

    def __post_init__(self) -> None:
        self._hasher = Hasher()
        # Without a comparison each file is one of its own.
        self._twins = SingleFlight(remembers=self.request.compares)
        self._screen = Precheck(self.request, self.means.existing, self.means.key, self.means.recorder)
        key = self.means.key
        self._doubles = DuplicateCheck(self.means.existing, key) if key is not None else None

    async def screen(self, entries: Sequence[Entry]) -> Sequence[Decision | None]:
        """Look the entries up, in one call, and decide on those that can be told without sending."""
        try:
            known = await self._screen.look(entries)
        except DatalakeError as error:
            return [_unknown(entry, error) for entry in entries]
        decisions = [self._known(entry, one) for entry, one in zip(entries, known, strict=True)]
        await self._tags.attach_full(self.session)
        return decisions

    def forget(self, index: int) -> None:
        """Forget what was looked up for a file that cannot be looked at."""
        self._screen.recall(index)

    async def begin(self, file: Prepared) -> Decision:
        """What to do with one file."""
        memory = self._screen.recall(file.entry.index)
        digest = await self._digest(file.file, memory)
        found = memory.match(digest, stamp_of(file.file), self.means.key)
        if found is not None:
            others = memory.others(found[0], digest, self.means.key)
            return self._known(file.entry, KnownFile(found[0], found[1], file.draft.tags, others)) or SEND
        custom = self._content(file, digest)
        claim = (file.file.name, digest) if self.request.compares else (memory.path, digest)
        twin = await self._ended(claim) or await self._twins.claim(claim)
        if twin is not None:
            return self._known(file.entry, KnownFile(twin, False, file.draft.tags)) or SEND
        step = Step(memory.path, State.NAMED, *stamp_of(file.file), digest)
        self._ways[file.entry.index] = InFlightFile(claim, step)
        decision = await self._resumed(file, memory.trace, step)
        return replace(decision, custom_metadata=custom)

    async def named(self, file: Prepared, object_name: str) -> str:
        """The name that every worker with this file comes to; the platform's own where workers are not compared."""
        way = self._ways[file.entry.index]
        if self.request.compares and self._refused is None:
            object_name = agreed_name(object_name, self.lake.datalake.id, file.file.name, way.step.digest)
        await self._record(file, State.NAMED, object_name=object_name)
        return object_name

    async def name_refused(self, file: Prepared, object_name: str) -> None:
        """Take the platform's name."""
        await self._record(file, State.NAMED, object_name=object_name)

    async def names_refused(self, refusal: AnswerError) -> None:
        """Take all names from the platform from now on, and tell so."""
        if self._refused is None:
            self._refused = (
                f"The platform takes no object names but its own, so two workers may double a file: {refusal}"
            )
            logger.warning("%s", self._refused)

    async def parts_begun(self, file: Prepared, object_name: str, upload_id: str) -> None:
        """Write down which upload the parts belong to."""
        await self._record(file, State.PARTS, durable=True, object_name=object_name, upload_id=upload_id)

    async def part_done(self, file: Prepared, upload_id: str, part_number: int, etag: str) -> None:
        """Write down one part."""
        step = replace(self._ways[file.entry.index].step, part=part_number, etag=etag, upload_id=upload_id)
        if self.means.recorder is not None:
            self.means.recorder.note(replace(step, state=State.PART))

    async def stored(self, file: Prepared, object_name: str) -> None:
        """Write down that the object is whole, before it is registered."""
        await self._record(file, State.STORED, durable=True, object_name=object_name)

    async def registered(self, file: Prepared, data: Data) -> None:
        """Write down the data, and look back for doubles."""
        await self._record(file, State.REGISTERED, object_name=data.object_name, data_id=data.id)
        way = self._ways.pop(file.entry.index)
        self._twins.done(way.claim, data)
        # Another worker may have been faster, with tags of its own.
        await self._tags.make_sure(self.session, file.entry, data, file.draft.tags)
        if self._doubles is not None:
            await self._doubles.add(Fresh(file.entry.index, file.file.name, way.step.digest, data.id))

    async def failed(self, file: Prepared, error: UploadError) -> None:
        """Let a twin try; what an earlier run left and the platform does not take is not tried again."""
        way = self._ways.pop(file.entry.index, None)
        if way is None:
            return
        if way.resumed and isinstance(error.__cause__, _REFUSALS) and self.means.recorder is not None:
            self.means.recorder.note(replace(way.step, state=State.NAMED, object_name=None, upload_id=None))
        self._twins.done(way.claim, None)

    async def finish(self) -> Findings:
        """Tag what was skipped, and look back for the last time."""
        errors = await self._tags.attach(self.session)
        notes = [*self._tags.notes(), *([self._refused] if self._refused is not None else [])]
        doubled: dict[int, tuple[UUID, ...]] = {}
        if self._doubles is not None:
            await self._doubles.look()
            doubled = self._doubles.found
            notes += self._doubles.notes()
        recorder = self.means.recorder
        if recorder is not None and recorder.broken is not None:
            notes.append(f"This run cannot be resumed: {recorder.broken}.")
        return Findings(tuple(notes), doubled, errors)

    async def close(self) -> None:
        """Let go of the journal and of threads."""
        self._hasher.close()
        if self.means.recorder is not None:
            await self.means.recorder.close()

    async def _ended(self, claim: tuple[str, str]) -> Data | None:
        """What a file of this claim became in this run, after the entry at hand was looked up."""
        data_id = self._twins.ended(claim)
        return None if data_id is None else (await self.means.existing.by_id([data_id])).get(data_id)

    async def _digest(self, file: OpenFile, memory: PriorKnowledge) -> str:
        if file.content is not None and file.size <= _AT_HAND:
            return fingerprint(file)
        known = memory.digest_of(stamp_of(file)) if file.content is None else None
        return known or await self._hasher.fingerprint(file)

    async def _resumed(self, file: Prepared, trace: FileProgress | None, step: Step) -> Decision:
        if trace is None or not same(trace.step, step):
            return SEND
        decision = await resumed(self.session, self.lake, trace, file.file.size)
        if decision.action is Action.RESUME:
            way = self._ways[file.entry.index]
            self._ways[file.entry.index] = replace(way, step=trace.step, resumed=True)
        return decision

    def _content(self, file: Prepared, digest: str) -> dict[str, str] | None:
        key = self.means.key
        if key is None:
            return None
        path, given = file.entry.path, file.draft.custom_metadata or {}
        if given.get(key.name, digest) != digest:
            raise UploadError(
                f"custom_metadata of {path} has a {key.name!r} of its own; choose another content_key.", path
            )
        missing = key.missing(given)
        if not missing:
            return {key.name: digest}
        if self.means.recorder is None:
            raise UploadError(
                f"{path} cannot be marked with its content, because the lake's schema requires custom_metadata."
                f"{missing[0]} beside it; give that, or a journal= to remember by.",
                path,
            )
        return None

    def _known(self, entry: Entry, known: KnownFile | None) -> Decision | None:
        if known is None:
            return None
        if self.request.if_exists == IfExists.ERROR and not known.ours:
            text = f"{entry.path} is in the lake already, as data {known.data.id} of the same name and content."
            return Decision(Action.REFUSE, error=UploadError(text, entry.path))
        self._tags.want(entry, known.data, known.tags)
        if known.others and self._doubles is not None:
            self._doubles.found[entry.index] = known.others
        return Decision(Action.SKIP, data=known.data)

    async def _record(self, file: Prepared, state: State, durable: bool = False, **facts: object) -> None:
        index = file.entry.index
        way = self._ways[index]
        step = replace(way.step, state=state, **facts)  # type: ignore[arg-type]
        self._ways[index] = replace(way, step=step)
        recorder = self.means.recorder
        if recorder is None:
            return
        if durable:
            await recorder.keep(step)
        else:
            recorder.note(step)


def _unknown(entry: Entry, error: DatalakeError) -> Decision:
    text = f"Whether {entry.path} is in the lake already could not be looked up, so it was not sent: {error}"
    return Decision(Action.REFUSE, error=UploadError(text, entry.path))


def same(one: Step, other: Step) -> bool:
    """Whether two steps speak of the same file, unchanged."""
    return (one.size, one.modified_ns, one.digest) == (other.size, other.modified_ns, other.digest)
