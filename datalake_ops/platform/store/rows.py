"""Rows of lakes and connectors as immutable values."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class LakeRow:
    """Row of a lake: `key` joins tables, `id` stands on the wire."""

    key: int
    id: UUID
    name: str
    organization_id: UUID
    connector_id: UUID


@dataclass(frozen=True)
class ConnectorRow:
    """Row of a storage connector."""

    id: UUID
    organization_id: UUID
    name: str
    client_type: str
