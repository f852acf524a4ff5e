"""The look before: which files of a window the lake has already, told with one call and without sending anything."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from datalake_ops.errors import DatalakeError, InvalidFileError
from datalake_ops.upload.existing import ContentKey, Existing
from datalake_ops.upload.fingerprint import fingerprint
from datalake_ops.upload.journal import State, Trace
from datalake_ops.upload.recorder import Recorder
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.source import WHOLE_BYTES, Entry, LocalContent, OpenFile
from datalake_ops.wire.data import Data

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """A file that the lake has, as `data`; `ours` when the journal says that an earlier run of this upload sent it."""

    data: Data
    ours: bool
    tags: tuple[UUID, ...]


@dataclass(frozen=True)
class Memory:
    """What is known of a file before it is opened: its name in the journal, its trace there, data that it may be."""

    path: str
    trace: Trace | None = None
    candidates: tuple[Data, ...] = ()

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


class Screen:
    """Looks at windows of entries, in input order."""

    def __init__(
        self, request: UploadRequest, existing: Existing, key: ContentKey | None, recorder: Recorder | None
    ) -> None:
        self._request = request
        self._existing = existing
        self._key = key
        self._recorder = recorder
        self._memories: dict[int, Memory] = {}
        self._times: Counter[str] = Counter()

    async def look(self, entries: Sequence[Entry]) -> list[Known | None]:
        """For each entry what the lake has of it, or None where that is not known before the file is looked at.

        Raises:
            AnswerError, NetworkError: the lake cannot be asked.
        """
        paths = [self._path(entry) for entry in entries]
        traces = await self._recorder.find(paths) if self._recorder is not None else {}
        candidates = await self._candidates(entries, [traces.get(path) for path in paths])
        memories = [Memory(path, traces.get(path), some) for path, some in zip(paths, candidates, strict=True)]
        known: list[Known | None] = [None] * len(entries)
        if any(candidates):
            known = await asyncio.to_thread(self._compare, entries, memories)
        for entry, one, memory in zip(entries, known, memories, strict=True):
            if one is None:
                self._memories[entry.index] = memory
        return known

    def recall(self, index: int) -> Memory:
        """What was known of an entry that was not told at once; it is forgotten here."""
        return self._memories.pop(index)

    async def _candidates(self, entries: Sequence[Entry], traces: Sequence[Trace | None]) -> list[tuple[Data, ...]]:
        sent = [trace.step.data_id if trace and trace.step.state is State.REGISTERED else None for trace in traces]
        if self._key is None:
            ids = [data_id for data_id in sent if data_id is not None]
            by_id = await self._existing.by_id(ids) if ids else {}
            return [(by_id[data_id],) if data_id in by_id else () for data_id in sent]
        key = self._key
        by_name = await self._existing.by_name(entry.content.name for entry in entries)
        return [
            tuple(data for data in by_name.get(entry.content.name, ()) if data.id == own or key.of(data) is not None)
            for entry, own in zip(entries, sent, strict=True)
        ]

    def _path(self, entry: Entry) -> str:
        # Another run may start in another directory.
        path = str(Path(entry.path).absolute()) if isinstance(entry.content, LocalContent) else entry.path
        if self._recorder is None:
            return path
        self._times[path] += 1
        # A path given twice is two files, in every run the same two.
        return path if self._times[path] == 1 else f"{path}\0{self._times[path]}"

    def _compare(self, entries: Sequence[Entry], memories: Sequence[Memory]) -> list[Known | None]:
        return [
            self._compare_one(entry, memory) if memory.candidates else None
            for entry, memory in zip(entries, memories, strict=True)
        ]

    def _compare_one(self, entry: Entry, memory: Memory) -> Known | None:
        # What is far away or large is hashed by the couriers, many at a time.
        stamp = entry.content.stamp() if isinstance(entry.content, LocalContent) else None
        if stamp is None:
            return None
        try:
            if stamp[0] <= WHOLE_BYTES:
                file = entry.content.open()
                found = memory.match(fingerprint(file), stamp_of(file), self._key)
            else:
                found = self._unread(memory, stamp)
            return Known(*found, self._request.tags_of(entry)) if found else None
        except InvalidFileError:
            return None
        except DatalakeError as error:
            logger.debug("%s is looked at later: %s", entry.path, error)
            return None

    def _unread(self, memory: Memory, stamp: tuple[int, int]) -> tuple[Data, bool] | None:
        step = memory.trace.step if memory.trace else None
        if step is None or (step.size, step.modified_ns) != stamp:
            return None
        return memory.match(step.digest, stamp, self._key)


def stamp_of(file: OpenFile) -> tuple[int, int]:
    """Size and time of the last change of a file that was looked at; 0 where that time is not known."""
    return file.size, file.modified_ns or 0
