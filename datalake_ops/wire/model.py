"""Base classes of wire values: answers are read tolerantly, request bodies are sent exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer


class Choice(StrEnum):
    """Enumeration of words of the wire; each member is the word itself."""


def without_addresses(value: Any) -> Any:
    """Return a JSON value without the keys of mappings, at any depth, that hold signed addresses."""
    if isinstance(value, Mapping):
        return {key: without_addresses(one) for key, one in value.items() if not _is_signed(key)}
    return [without_addresses(one) for one in value] if isinstance(value, list) else value


def _is_signed(key: Any) -> bool:
    return isinstance(key, str) and key.endswith("presigned_url")


# Whoever has a signed address can read or write its object, so it leaves a value only as its attribute.
_HIDDEN = Field(exclude=True, repr=False)
SignedAddress = Annotated[str, _HIDDEN]
OptionalSignedAddress = Annotated[str | None, _HIDDEN]
SignedFields = Annotated[dict[str, Any], _HIDDEN]
# Free mapping of the platform in which signed addresses stand among other values.
_STRIPPED = PlainSerializer(without_addresses)
OptionalAddressedMapping = Annotated[dict[str, Any] | None, _STRIPPED]


class WireModel(BaseModel):
    """A frozen value read from the wire; keys it does not know are ignored, as the official SDK ignores them.

    Its signed addresses are attributes alone: texts, dumps and pickles of the value lack them.
    """

    # Building validators on first use keeps `import datalake_ops` light.
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        return ((name, self._unsigned(name, value)) for name, value in super().__repr_args__())

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        return {**state, "__dict__": {name: self._unsigned(name, value) for name, value in state["__dict__"].items()}}

    def _unsigned(self, name: str | None, value: Any) -> Any:
        field = type(self).model_fields.get(name or "")
        if field is None:
            return value
        if field.exclude:
            return None
        return without_addresses(value) if _STRIPPED in field.metadata else value


class WireBody(BaseModel):
    """A frozen request body; `None` fields are sent as null unless the body says otherwise."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    def payload(self) -> dict[str, Any]:
        """The body's fields as a mapping; the sender encodes identifiers and dates as text, enums as their word."""
        return self.model_dump()
