"""The look back: whether another worker registered the same content under the same name meanwhile."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from datalake_ops.errors import DatalakeError
from datalake_ops.upload.dedup.lake_index import ContentKey, LakeIndex
from datalake_ops.wire.paging import PAGE_SIZE

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fresh:
    """A data that this run registered, or found registered while it sent the file."""

    index: int
    name: str
    digest: str
    data_id: UUID


class DuplicateCheck:
    """Looks at every data after it was registered, 1,000 a call.

    Of two workers that register the same, the one that looks later sees both, so at least one report tells.
    """

    def __init__(self, existing: LakeIndex, key: ContentKey) -> None:
        self._existing = existing
        self._key = key
        self._fresh: list[Fresh] = []
        self._unseen = 0
        self.found: dict[int, tuple[UUID, ...]] = {}

    async def add(self, fresh: Fresh) -> None:
        """One more data; now and then this looks at those that have come together."""
        self._fresh.append(fresh)
        if len(self._fresh) >= PAGE_SIZE:
            await self.look()

    async def look(self) -> None:
        """Look at those that nobody looked at yet."""
        fresh, self._fresh = self._fresh, []
        if not fresh:
            return
        try:
            known = await self._existing.by_name(one.name for one in fresh)
        except DatalakeError as error:
            logger.warning("Whether %d files are in the lake twice is not known: %s", len(fresh), error)
            self._unseen += len(fresh)
            return
        for one in fresh:
            same = [data.id for data in known.get(one.name, ()) if self._key.of(data) == one.digest]
            others = tuple(data_id for data_id in same if data_id != one.data_id)
            if others:
                self.found[one.index] = others

    def notes(self) -> list[str]:
        """What the report says of it."""
        said = []
        if self.found:
            said.append(
                f"{len(self.found)} files are in the lake more than once: another worker sent them at the same time, "
                "or they were doubled before; `doubled` names them."
            )
        if self._unseen:
            said.append(f"Whether {self._unseen} files are in the lake more than once could not be looked up.")
        return said
