"""What the lake has already: data by file name or id, and the content that their custom metadata tells."""

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
from datalake_ops.wire.data import Data
from datalake_ops.wire.paging import PAGE_SIZE

_ALL = data_operations.DataFilter()


@dataclass(frozen=True)
class ContentKey:
    """The key of custom metadata that tells a data's content; `beside` are keys that must come with any other."""

    name: str
    beside: frozenset[str] = frozenset()

    def of(self, data: Data) -> str | None:
        """The content that a data says it has."""
        value = (data.custom_metadata or {}).get(self.name)
        return value if isinstance(value, str) else None

    def missing(self, custom_metadata: Mapping[str, Any] | None) -> list[str]:
        """The required keys that are not given, so that nothing may be added either."""
        given = custom_metadata or {}
        return sorted(key for key in self.beside if given.get(key) is None)


def content_key(name: str, schema: Mapping[str, Any]) -> ContentKey | None:
    """The content key under a lake's schema of custom metadata; None when the schema has no place for it."""
    keys: Mapping[str, Any] = schema.get("custom_metadata_schema") or {}
    own = keys.get(name)
    if own is None and schema.get("allow_extra_custom_metadata") is False:
        return None
    if own is not None and (own.get("input_type") != "STRING" or own.get("choices")):
        return None
    beside = {key for key, rule in keys.items() if rule.get("required") and not rule.get("archived") and key != name}
    return ContentKey(name, frozenset(beside))


class LakeIndex:
    """Looks into one lake, 1,000 values a call."""

    def __init__(self, session: AsyncSession, datalake: UUID) -> None:
        self._session = session
        self._datalake = datalake

    async def content_key(self, name: str) -> ContentKey | None:
        """The content key, if the lake's schema has a place for it."""
        try:
            schema = await self._session.send(lakes.get_metadata_schema(self._datalake))
        except NotFoundError:
            # A platform without schemas takes every key.
            schema = {}
        return content_key(name, schema)

    async def by_name(self, names: Iterable[str]) -> dict[str, list[Data]]:
        """The data of each file name; unknown names are absent, and so are those that no data can have."""
        found: dict[str, list[Data]] = {}
        for data in await self._list("filenames", dict.fromkeys(name for name in names if is_text(name))):
            found.setdefault(data.filename, []).append(data)
        return found

    async def by_id(self, ids: Iterable[UUID]) -> dict[UUID, Data]:
        """The data of these ids; unknown ones are absent."""
        return {data.id: data for data in await self._list("ids", dict.fromkeys(ids))}

    async def _list(self, kind: data_operations.Names, values: Iterable[UUID | str]) -> list[Data]:
        found: list[Data] = []
        wanted = list(values)
        for start in range(0, len(wanted), PAGE_SIZE):
            some = wanted[start : start + PAGE_SIZE]
            page = await self._session.send(data_operations.list_named(self._datalake, kind, some, _ALL))
            found.extend(page.items)
        return found
