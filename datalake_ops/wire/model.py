"""Base classes of wire values: answers are read tolerantly, request bodies are sent exactly."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class Choice(StrEnum):
    """Enumeration of words of the wire; each member is the word itself."""


class WireModel(BaseModel):
    """A frozen value read from the wire; keys it does not know are ignored, as the official SDK ignores them."""

    # Building validators on first use keeps `import datalake_ops` light.
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class WireBody(BaseModel):
    """A frozen request body; `None` fields are sent as null unless the body says otherwise."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    def payload(self) -> dict[str, Any]:
        """The body's fields as a mapping; the sender encodes identifiers and dates as text, enums as their word."""
        return self.model_dump()
