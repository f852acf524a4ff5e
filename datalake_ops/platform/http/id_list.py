"""List of ids, packed: a million of them are 16 MB and not a million objects, which would hold up the process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload
from uuid import UUID

import orjson
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

_BYTES = 16
_PIECE = 5000


class IdList(Sequence[UUID]):
    """Immutable sequence of distinct UUIDs, in the order of their first appearance."""

    # One that could not be made has a repr too, in the traceback of its error.
    _packed: bytes = b""

    def __init__(self, ids: Iterable[UUID] = ()) -> None:
        self._packed = b"".join(dict.fromkeys(each.bytes for each in ids))

    @classmethod
    def of_packed(cls, ids: Iterable[bytes]) -> IdList:
        """Create a list of ids of 16 bytes that are distinct already, without a UUID for each."""
        made = cls()
        made._packed = b"".join(ids)
        return made

    def __len__(self) -> int:
        return len(self._packed) // _BYTES

    @overload
    def __getitem__(self, index: int) -> UUID: ...
    @overload
    def __getitem__(self, index: slice) -> list[UUID]: ...
    def __getitem__(self, index: int | slice) -> UUID | list[UUID]:
        if isinstance(index, slice):
            return [self._at(number) for number in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self._at(index % len(self))

    def __iter__(self) -> Iterator[UUID]:
        return (self._at(number) for number in range(len(self)))

    def __repr__(self) -> str:
        return f"IdList({len(self)} ids)"

    def sorted_bytes(self) -> list[bytes]:
        """Return the 16 bytes of each id, sorted."""
        return sorted(self._packed[start : start + _BYTES] for start in range(0, len(self._packed), _BYTES))

    def to_json(self) -> bytes:
        """Return JSON text of an array of the ids; to be called in a worker thread."""
        pieces = (orjson.dumps(self[start : start + _PIECE])[1:-1] for start in range(0, len(self), _PIECE))
        return b"[" + b",".join(pieces) + b"]"

    def _at(self, number: int) -> UUID:
        return UUID(bytes=self._packed[number * _BYTES : (number + 1) * _BYTES])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate as a list of UUIDs, then pack."""
        return core_schema.no_info_after_validator_function(
            cls, core_schema.list_schema(core_schema.uuid_schema(), fail_fast=True)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe as an array of UUIDs."""
        return {"type": "array", "items": {"type": "string", "format": "uuid"}}
