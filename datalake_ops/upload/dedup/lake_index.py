"""Index of what the lake has: data by file name or id, and the content key in their custom metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from datalake_ops.client import data as data_operations
from datalake_ops.client import lakes
from datalake_ops.client.async_session import AsyncSession
from datalake_ops.errors import NotFoundError
from datalake_ops.upload.sources.entry import is_text
from datalake_ops.wire.custom_metadata import required_beside, takes_text
from datalake_ops.wire.data import Data
from datalake_ops.wire.paging import PAGE_SIZE

_ALL = data_operations.DataFilter()


@dataclass(frozen=True)
class ContentKey:
    """Key of custom metadata that holds the SHA-256 of a data's content; the schema requires `required` beside it."""

    name: str
    required: frozenset[str] = frozenset()

    def of(self, data: Data) -> str | None:
        """Return the content of a data by its custom metadata."""
        value = (data.custom_metadata or {}).get(self.name)
        return value if isinstance(value, str) else None

    def missing(self, custom_metadata: Mapping[str, Any] | None) -> list[str]:
        """Return the required keys that are not given; nothing may be added without them."""
        given = custom_metadata or {}
        return sorted(key for key in self.required if given.get(key) is None)


def content_key(name: str, schema: Mapping[str, Any]) -> ContentKey | None:
    """Return the content key under a lake's schema of custom metadata; None when the schema has no place for it."""
    return ContentKey(name, required_beside(name, schema)) if takes_text(name, schema) else None


class LakeIndex:
    """Look-up of data in one lake, 1,000 values a call."""

    def __init__(self, session: AsyncSession, datalake: UUID) -> None:
        self._session = session
        self._datalake = datalake

    async def content_key(self, name: str) -> ContentKey | None:
        """Return the content key, if the lake's schema has a place for it."""
        try:
            schema = await self._session.send(lakes.get_metadata_schema(self._datalake))
        except NotFoundError:
            # A platform without schemas takes every key.
            schema = {}
        return content_key(name, schema)

    async def by_name(self, names: Iterable[str]) -> dict[str, list[Data]]:
        """Return the data of each file name; unknown names are absent, and so are those that no data can have."""
        found: dict[str, list[Data]] = {}
        for data in await self._list("filenames", dict.fromkeys(name for name in names if is_text(name))):
            found.setdefault(data.filename, []).append(data)
        return found

    async def by_id(self, ids: Iterable[UUID]) -> dict[UUID, Data]:
        """Return the data of these ids; unknown ones are absent."""
        return {data.id: data for data in await self._list("ids", dict.fromkeys(ids))}

    async def _list(self, kind: data_operations.Names, values: Iterable[UUID | str]) -> list[Data]:
        found: list[Data] = []
        wanted = list(values)
        for start in range(0, len(wanted), PAGE_SIZE):
            batch = wanted[start : start + PAGE_SIZE]
            page = await self._session.send(data_operations.list_named(self._datalake, kind, batch, _ALL))
            found.extend(page.items)
        return found
