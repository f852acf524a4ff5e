"""Lake that uploads and downloads work with, as a protocol."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from datalake_ops.wire.data import CONTENT_KEY
from datalake_ops.wire.lakes import Datalake, Extension, Organization

__all__ = ["CONTENT_KEY", "Lake"]


class Lake(Protocol):
    """Lake with its organization and its storage connector."""

    @property
    def organization(self) -> Organization:
        """The organization that owns the lake."""

    @property
    def datalake(self) -> Datalake:
        """The lake."""

    @property
    def connector_id(self) -> UUID:
        """The storage connector of the lake's files."""

    @property
    def readable_types(self) -> frozenset[str]:
        """Content types that the platform reads; empty where it does not announce them."""

    def offers(self, extension: Extension) -> bool:
        """Return True if the platform announced an extension."""
