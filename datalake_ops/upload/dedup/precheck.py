"""The look before: which files of a window the lake has already, told with one call and without sending anything."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from datalake_ops.upload.dedup.hashing import fingerprint
from datalake_ops.upload.dedup.lake_index import ContentKey, LakeIndex
from datalake_ops.upload.journal.steps import FileProgress, State
from datalake_ops.upload.journal.writer import JournalWriter
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import Entry, OpenFile
from datalake_ops.upload.sources.local import LocalContent
from datalake_ops.upload.sources.remote import RemoteContent
from datalake_ops.wire.data import Data

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class KnownFile:
    """A file that the lake has, as `data`; `ours` when the journal says that an earlier run of this upload sent it.

    `others` are more data of the same name and content.
    """

    data: Data
    ours: bool
    tags: tuple[UUID, ...]
    others: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class PriorKnowledge:
    """What is known of a file before it is opened: its name in the journal, its trace there, data that it may be."""

    path: str
    trace: FileProgress | None = None
    candidates: tuple[Data, ...] = ()

    @property
    def sent(self) -> UUID | None:
        """The data that the journal says it became."""
        return self.trace.step.data_id if self.trace and self.trace.step.state is State.REGISTERED else None

    def digest_of(self, stamp: tuple[int, int]) -> str | None:
        """The content of a file that was not touched since an earlier run read it."""
        step = self.trace.step if self.trace else None
        # Without a time of change nobody can tell.
        known = step is not None and stamp[1] and (step.size, step.modified_ns) == stamp
        return step.digest if step is not None and known else None

    def match(self, digest: str, stamp: tuple[int, int], key: ContentKey | None) -> tuple[Data, bool] | None:
        """The data of this content, and whether the journal knows it as this file."""
        step = self.trace.step if self.trace else None
        if step is not None and (step.size, step.modified_ns, step.digest) == (*stamp, digest):
            for data in self.candidates:
                # A run that was killed right after the registration knows the object, but not yet the data.
                if data.id == step.data_id or data.object_name == step.object_name:
                    return data, True
        for data in self.candidates:
            if key is not None and key.of(data) == digest:
                return data, False
        return None

    def others(self, data: Data, digest: str, key: ContentKey | None) -> tuple[UUID, ...]:
        """The other data of this content."""
        if key is None:
            return ()
        return tuple(one.id for one in self.candidates if one.id != data.id and key.of(one) == digest)


@dataclass(frozen=True)
class FileIdentity:
    """A file as it lies there: its content, its stamp, and the tags it is to have."""

    digest: str
    stamp: tuple[int, int]
    tags: tuple[UUID, ...]


class Precheck:
    """Looks at windows of entries, in input order."""

    def __init__(
        self, request: UploadRequest, existing: LakeIndex, key: ContentKey | None, recorder: JournalWriter | None
    ) -> None:
        self._request = request
        self._existing = existing
        self._key = key
        self._recorder = recorder
        self._memories: dict[int, PriorKnowledge] = {}
        # Hashes: the paths themselves would be most of the memory of a long upload.
        self._given: set[int] = set()
        self._again: Counter[str] = Counter()
        self._likely = False

    async def look(self, entries: Sequence[Entry]) -> list[KnownFile | None]:
        """For each entry what the lake has of it, or None where that is not known before the file is looked at.

        Raises:
            AnswerError, NetworkError: the lake cannot be asked.
        """
        memories = await self._remember(entries)
        # After a window that was there whole, the files are read while the lake is asked.
        early = asyncio.ensure_future(asyncio.to_thread(self._see_all, entries, memories)) if self._likely else None
        try:
            memories = await self._with_candidates(entries, memories)
        finally:
            seen = await early if early is not None else None
        if seen is None:
            some = [memory if memory.candidates else None for memory in memories]
            seen = await asyncio.to_thread(self._see_all, entries, some)
        known = [self._known(memory, one) for memory, one in zip(memories, seen, strict=True)]
        self._likely = None not in known
        for entry, one, memory in zip(entries, known, memories, strict=True):
            if one is None:
                self._memories[entry.index] = memory
        return known

    def recall(self, index: int) -> PriorKnowledge:
        """What was known of an entry that was not told at once; it is forgotten here."""
        return self._memories.pop(index)

    async def _remember(self, entries: Sequence[Entry]) -> list[PriorKnowledge]:
        if self._recorder is None:
            return [PriorKnowledge(entry.path) for entry in entries]
        paths = [self._path(entry) for entry in entries]
        traces = await self._recorder.find(paths)
        return [PriorKnowledge(path, traces.get(path)) for path in paths]

    async def _with_candidates(
        self, entries: Sequence[Entry], memories: Sequence[PriorKnowledge]
    ) -> list[PriorKnowledge]:
        sent = [memory.sent for memory in memories]
        found: list[tuple[Data, ...]]
        if self._key is None:
            ids = [data_id for data_id in sent if data_id is not None]
            by_id = await self._existing.by_id(ids) if ids else {}
            found = [(by_id[data_id],) if data_id in by_id else () for data_id in sent]
        else:
            of, names = self._key.of, [entry.content.name for entry in entries]
            by_name = await self._existing.by_name(names)
            found = [
                tuple(data for data in by_name.get(name, ()) if data.id == own or of(data) is not None)
                for name, own in zip(names, sent, strict=True)
            ]
        return [replace(memory, candidates=some) for memory, some in zip(memories, found, strict=True)]

    def _known(self, memory: PriorKnowledge, seen: FileIdentity | None) -> KnownFile | None:
        found = memory.match(seen.digest, seen.stamp, self._key) if seen is not None else None
        if found is None or seen is None:
            return None
        return KnownFile(*found, seen.tags, memory.others(found[0], seen.digest, self._key))

    def _path(self, entry: Entry) -> str:
        # Another run may start in another directory.
        path = str(Path(entry.path).absolute()) if isinstance(entry.content, LocalContent) else entry.path
        if (mark := hash(path)) not in self._given:
            self._given.add(mark)
            return path
        # A path given twice is two files, in every run the same two.
        self._again[path] += 1
        return f"{path}\0{self._again[path] + 1}"

    def _see_all(
        self, entries: Sequence[Entry], memories: Sequence[PriorKnowledge | None]
    ) -> list[FileIdentity | None]:
        return [self._see(entry, memory) if memory else None for entry, memory in zip(entries, memories, strict=True)]

    def _see(self, entry: Entry, memory: PriorKnowledge) -> FileIdentity | None:
        try:
            if not isinstance(entry.content, LocalContent):
                return self._see_afar(entry, memory)
            file = entry.content.open()
            stamp = stamp_of(file)
            digest = fingerprint(file) if file.content is not None else memory.digest_of(stamp)
            return FileIdentity(digest, stamp, self._request.tags_of(entry)) if digest is not None else None
        # Whatever is wrong with it: it is looked at once more, and told then.
        except Exception as error:  # noqa: BLE001
            logger.debug("%s is not compared: %s", entry.path, error)
            return None

    def _see_afar(self, entry: Entry, memory: PriorKnowledge) -> FileIdentity | None:
        # What is far away is read by the couriers, many at a time, unless a listing and the journal tell all of it.
        content = entry.content
        listed = isinstance(content, RemoteContent) and content.known is not None and memory.trace is not None
        stamp = content.stamp() if listed else None
        digest = memory.digest_of(stamp) if stamp is not None else None
        return (
            FileIdentity(digest, stamp, self._request.tags_of(entry))
            if digest is not None and stamp is not None
            else None
        )


def stamp_of(file: OpenFile) -> tuple[int, int]:
    """Size and time of the last change of a file that was looked at; 0 where that time is not known."""
    return file.size, file.modified_ns or 0
