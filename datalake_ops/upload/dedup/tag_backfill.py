"""Tags for data that were there already: what a fresh upload would have put on them, many data a call."""

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
    """Collects what is to be tagged, and does it when there is enough for a call, and at the end of the run."""

    def __init__(self) -> None:
        self._wanted: dict[UUID, dict[UUID, tuple[int, str]]] = {}
        self._unsure: dict[UUID, list[UUID]] = {}
        self._errors: dict[int, UploadError] = {}
        self._untold = 0

    def want(self, entry: Entry, data: Data, tags: Iterable[UUID]) -> None:
        """A data that was there shall have these tags; those that it is known to have are left alone."""
        has = {tag.id for tag in data.tags or ()}
        for tag in set(tags) - has:
            self._wanted.setdefault(tag, {})[data.id] = (entry.index, entry.path)

    async def make_sure(self, session: AsyncSession, entry: Entry, data: Data, tags: Iterable[UUID]) -> None:
        """A data that this run registered with these tags shall have them also if another worker made it.

        Where the answer to a registration tells no tags, nobody knows whose data it is: so it is tagged once more, and
        that this failed is a note on the run and not an error of its file.
        """
        if data.tags is not None:
            self.want(entry, data, tags)
            return
        for tag in set(tags):
            self._unsure.setdefault(tag, []).append(data.id)
            if len(self._unsure[tag]) >= AT_ONCE:
                await self._attach_unsure(session, tag)

    async def attach_full(self, session: AsyncSession) -> None:
        """Attach those tags that enough data wait for."""
        for tag in [tag for tag, wanted in self._wanted.items() if len(wanted) >= AT_ONCE]:
            await self._attach_wanted(session, tag)

    async def attach(self, session: AsyncSession) -> dict[int, UploadError]:
        """Attach them all; returns an error for each row whose data did not get its tag."""
        for tag in list(self._wanted):
            await self._attach_wanted(session, tag)
        for tag in list(self._unsure):
            await self._attach_unsure(session, tag)
        return self._errors

    def notes(self) -> list[str]:
        """What the report says of it."""
        return [f"Whether {self._untold} files have all their tags could not be made sure."] if self._untold else []

    async def _attach_wanted(self, session: AsyncSession, tag: UUID) -> None:
        wanted = self._wanted.pop(tag)
        ids = list(wanted)
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            try:
                await session.send(attach_tag(tag, some))
            except DatalakeError as error:
                self._errors |= {wanted[one][0]: _untagged(wanted[one][1], one, error) for one in some}

    async def _attach_unsure(self, session: AsyncSession, tag: UUID) -> None:
        some = self._unsure.pop(tag)
        try:
            await session.send(attach_tag(tag, some))
        except DatalakeError as error:
            logger.warning("Whether %d files have the tag %s could not be made sure: %s", len(some), tag, error)
            self._untold += len(some)


def _untagged(path: str, data: UUID, error: DatalakeError) -> UploadError:
    return UploadError(f"{path} is in the lake already, as data {data}, but could not be tagged: {error}", path)
