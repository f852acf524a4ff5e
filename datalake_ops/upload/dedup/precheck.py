"""Precheck: finds the files of a window that the lake has already, with one call and without sending anything."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from datalake_ops.upload.dedup.file_history import ExistingFile, FileFingerprint, FileHistory, stamp_of
from datalake_ops.upload.dedup.hashing import sha256_of
from datalake_ops.upload.dedup.lake_index import ContentKey, LakeIndex
from datalake_ops.upload.journal.writer import JournalWriter
from datalake_ops.upload.request import UploadRequest
from datalake_ops.upload.sources.entry import Entry
from datalake_ops.upload.sources.local import LocalContent
from datalake_ops.upload.sources.remote import RemoteContent
from datalake_ops.wire.data import Data

logger = logging.getLogger(__name__)


class Precheck:
    """Precheck of windows of entries, in input order; keeps the history of each entry that it leaves open."""

    def __init__(
        self, request: UploadRequest, lake_index: LakeIndex, key: ContentKey | None, journal: JournalWriter | None
    ) -> None:
        self._request = request
        self._lake_index = lake_index
        self._key = key
        self._journal = journal
        self._histories: dict[int, FileHistory] = {}
        # Hashes: the paths themselves would be most of the memory of a long upload.
        self._path_hashes: set[int] = set()
        self._repeats: Counter[str] = Counter()
        self._reads_ahead = False

    async def look_up(self, entries: Sequence[Entry]) -> list[ExistingFile | None]:
        """Return for each entry what the lake has of it; None where the file has to be opened first.

        Raises:
            AnswerError, NetworkError: the lake cannot be asked.
        """
        histories = await self._from_journal(entries)
        # After a window that the lake had whole, the files are read while the lake is asked.
        ahead = (
            asyncio.ensure_future(asyncio.to_thread(self._fingerprints, entries, histories))
            if self._reads_ahead
            else None
        )
        try:
            histories = await self._with_candidates(entries, histories)
        finally:
            fingerprints = await ahead if ahead is not None else None
        if fingerprints is None:
            known = [history if history.candidates else None for history in histories]
            fingerprints = await asyncio.to_thread(self._fingerprints, entries, known)
        existing = [self._match(*pair) for pair in zip(histories, fingerprints, strict=True)]
        self._reads_ahead = None not in existing
        for entry, found, history in zip(entries, existing, histories, strict=True):
            if found is None:
                self._histories[entry.index] = history
        return existing

    def take(self, index: int) -> FileHistory:
        """Return the history of an entry that was left open, and drop it."""
        return self._histories.pop(index)

    async def _from_journal(self, entries: Sequence[Entry]) -> list[FileHistory]:
        if self._journal is None:
            return [FileHistory(entry.path) for entry in entries]
        paths = [self._journal_path(entry) for entry in entries]
        progress = await self._journal.find(paths)
        return [FileHistory(path, progress.get(path)) for path in paths]

    async def _with_candidates(self, entries: Sequence[Entry], histories: Sequence[FileHistory]) -> list[FileHistory]:
        registered = [history.registered_id for history in histories]
        candidates: list[tuple[Data, ...]]
        if self._key is None:
            ids = [data_id for data_id in registered if data_id is not None]
            by_id = await self._lake_index.by_id(ids) if ids else {}
            candidates = [(by_id[data_id],) if data_id in by_id else () for data_id in registered]
        else:
            content_of, names = self._key.of, [entry.content.name for entry in entries]
            by_name = await self._lake_index.by_name(names)
            candidates = [
                tuple(data for data in by_name.get(name, ()) if data.id == own or content_of(data) is not None)
                for name, own in zip(names, registered, strict=True)
            ]
        return [replace(history, candidates=data) for history, data in zip(histories, candidates, strict=True)]

    def _match(self, history: FileHistory, fingerprint: FileFingerprint | None) -> ExistingFile | None:
        return None if fingerprint is None else history.match(fingerprint, self._key)

    def _journal_path(self, entry: Entry) -> str:
        # Another run may start in another directory.
        path = str(Path(entry.path).absolute()) if isinstance(entry.content, LocalContent) else entry.path
        if (path_hash := hash(path)) not in self._path_hashes:
            self._path_hashes.add(path_hash)
            return path
        # A path given twice is two files, in every run the same two.
        self._repeats[path] += 1
        return f"{path}\0{self._repeats[path] + 1}"

    def _fingerprints(
        self, entries: Sequence[Entry], histories: Sequence[FileHistory | None]
    ) -> list[FileFingerprint | None]:
        pairs = zip(entries, histories, strict=True)
        return [self._fingerprint(entry, history) if history else None for entry, history in pairs]

    def _fingerprint(self, entry: Entry, history: FileHistory) -> FileFingerprint | None:
        try:
            if not isinstance(entry.content, LocalContent):
                return self._remote_fingerprint(entry, history)
            file = entry.content.open()
            stamp = stamp_of(file)
            digest = sha256_of(file) if file.content is not None else history.digest_of(stamp)
            return None if digest is None else FileFingerprint(digest, stamp, self._request.tags_of(entry))
        # Whatever is wrong with it: it is opened once more to be sent, and reported then.
        except Exception as error:  # noqa: BLE001
            logger.debug("%s is not compared: %s", entry.path, error)
            return None

    def _remote_fingerprint(self, entry: Entry, history: FileHistory) -> FileFingerprint | None:
        # Remote files are read while they are sent, many at a time, unless a listing and the journal tell all of it.
        content = entry.content
        listed = isinstance(content, RemoteContent) and content.known is not None and history.progress is not None
        stamp = content.stamp() if listed else None
        digest = history.digest_of(stamp) if stamp is not None else None
        if digest is None or stamp is None:
            return None
        return FileFingerprint(digest, stamp, self._request.tags_of(entry))
