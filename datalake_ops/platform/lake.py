"""A lake as the platform stores it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Lake:
    """A lake: its integer key for the tables, its id for the wire."""

    key: int
    id: UUID
    name: str
    organization_id: UUID
    connector_id: UUID
