"""Duplicate check after registration: finds data of the same name and content that another worker registered."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from datalake_ops.errors import DatalakeError
from datalake_ops.upload.dedup.lake_index import ContentKey, LakeIndex
from datalake_ops.wire.paging import PAGE_SIZE

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RegisteredFile:
    """A file that this run registered, or found registered while it was sending."""

    index: int
    name: str
    digest: str
    data_id: UUID


class DuplicateCheck:
    """Duplicate check of every data after its registration, 1,000 a call.

    Of two workers that register the same, the one that checks later finds both, so at least one report has it.
    `duplicates` maps the index of a row to the ids of the other data.
    """

    def __init__(self, lake_index: LakeIndex, key: ContentKey) -> None:
        self._lake_index = lake_index
        self._key = key
        self._pending: list[RegisteredFile] = []
        self._unchecked = 0
        self.duplicates: dict[int, tuple[UUID, ...]] = {}

    async def add(self, file: RegisteredFile) -> None:
        """Queue a file, and check the queue when it fills a call."""
        self._pending.append(file)
        if len(self._pending) >= PAGE_SIZE:
            await self.check()

    async def check(self) -> None:
        """Check the files of the queue."""
        files, self._pending = self._pending, []
        if not files:
            return
        try:
            data_by_name = await self._lake_index.by_name(file.name for file in files)
        except DatalakeError as error:
            logger.warning("The duplicate check of %d files failed: %s", len(files), error)
            self._unchecked += len(files)
            return
        for file in files:
            same = [data.id for data in data_by_name.get(file.name, ()) if self._key.of(data) == file.digest]
            others = tuple(data_id for data_id in same if data_id != file.data_id)
            if others:
                self.duplicates[file.index] = others

    def notes(self) -> list[str]:
        """Return the sentences for the report."""
        notes = []
        if self.duplicates:
            notes.append(
                f"{len(self.duplicates)} files are in the lake more than once: another worker sent them at the same "
                "time, or they were there twice before; `doubled` names them."
            )
        if self._unchecked:
            notes.append(f"{self._unchecked} files could not be checked for duplicates in the lake.")
        return notes
