"""Resolver of tags and sources by name, for the identifiers that a registration needs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

Resolve = Callable[[str], UUID]


class NameResolver:
    """Resolver that looks each name up once, for any number of files and threads; a missing one is created."""

    def __init__(self, tag: Resolve, source: Resolve) -> None:
        self._tag = tag
        self._source = source
        self._tags: dict[str, UUID] = {}
        self._sources: dict[str, UUID] = {}
        self._lock = threading.Lock()

    def tag(self, name: str) -> UUID:
        """Return the id of a tag; blocks.

        Raises:
            DatalakeError: the platform does not give it.
        """
        return self._cached(self._tags, self._tag, name)

    def source(self, name: str) -> UUID:
        """Return the id of a source; blocks.

        Raises:
            DatalakeError: the platform does not give it.
        """
        return self._cached(self._sources, self._source, name)

    def _cached(self, ids: dict[str, UUID], resolve: Resolve, name: str) -> UUID:
        with self._lock:
            if name not in ids:
                ids[name] = resolve(name)
            return ids[name]
