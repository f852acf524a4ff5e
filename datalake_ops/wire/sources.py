"""Data sources: where data came from (a camera, a line, a partner)."""

from __future__ import annotations

from uuid import UUID

from datalake_ops.wire.model import WireModel


class DataSource(WireModel):
    """A named origin of data, shared by the lakes of an organization."""

    id: UUID
    name: str
