"""Tag backfill: puts the tags of an upload on data that were in the lake already, many data a call."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from uuid import UUID

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.tags import attach_tag
from datalake_ops.errors import DatalakeError, UploadError
from datalake_ops.upload.sources.entry import Entry
from datalake_ops.wire.data import Data

logger = logging.getLogger(__name__)
# One body of this many identifiers is about 400 kB.
AT_ONCE = 10_000


class TagBackfill:
    """Queue of tags to attach, sent when it is enough for a call, and at the end of the run."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        # By tag, the data that lack it, with the index and the path of their row.
        self._missing: dict[UUID, dict[UUID, tuple[int, str]]] = {}
        # By tag, data that may lack it.
        self._unverified: dict[UUID, list[UUID]] = {}
        self._errors: dict[int, UploadError] = {}
        self._unverified_count = 0

    def add(self, entry: Entry, data: Data, tags: Iterable[UUID]) -> None:
        """Queue the tags that a data of the lake lacks, as far as its answer shows."""
        present = {tag.id for tag in data.tags or ()}
        for tag in set(tags) - present:
            self._missing.setdefault(tag, {})[data.id] = (entry.index, entry.path)

    async def ensure(self, entry: Entry, data: Data, tags: Iterable[UUID]) -> None:
        """Queue the tags of a data that this run registered with them, in case another worker made it.

        Where the answer to a registration shows no tags, it is not known whose data it is: so it is tagged once more,
        and a failure of that is a note on the run and not an error of its file.
        """
        if data.tags is not None:
            self.add(entry, data, tags)
            return
        for tag in set(tags):
            self._unverified.setdefault(tag, []).append(data.id)
            if len(self._unverified[tag]) >= AT_ONCE:
                await self._attach_unverified(tag)

    async def attach_full(self) -> None:
        """Attach the tags that enough data wait for."""
        for tag in [tag for tag, missing in self._missing.items() if len(missing) >= AT_ONCE]:
            await self._attach_missing(tag)

    async def attach(self) -> dict[int, UploadError]:
        """Attach all tags of the queue; return an error for each row whose data did not get its tag."""
        for tag in list(self._missing):
            await self._attach_missing(tag)
        for tag in list(self._unverified):
            await self._attach_unverified(tag)
        return self._errors

    def notes(self) -> list[str]:
        """Return the sentence for the report."""
        count = self._unverified_count
        return [f"{count} files may lack some of their tags: the check failed."] if count else []

    async def _attach_missing(self, tag: UUID) -> None:
        missing = self._missing.pop(tag)
        ids = list(missing)
        for start in range(0, len(ids), AT_ONCE):
            batch = ids[start : start + AT_ONCE]
            try:
                await self._session.send(attach_tag(tag, batch))
            except DatalakeError as error:
                self._errors |= {missing[one][0]: _untagged(missing[one][1], one, error) for one in batch}

    async def _attach_unverified(self, tag: UUID) -> None:
        batch = self._unverified.pop(tag)
        try:
            await self._session.send(attach_tag(tag, batch))
        except DatalakeError as error:
            logger.warning("%d files may lack the tag %s, because it could not be attached: %s", len(batch), tag, error)
            self._unverified_count += len(batch)


def _untagged(path: str, data: UUID, error: DatalakeError) -> UploadError:
    return UploadError(f"{path} is in the lake already, as data {data}, but could not be tagged: {error}", path)
