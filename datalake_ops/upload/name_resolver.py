"""Tags and sources that single files name, as the identifiers that a registration needs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

Resolve = Callable[[str], UUID]


class NameResolver:
    """Looks each name up once, however many files and threads ask for it; a missing one is made by who looks it up."""

    def __init__(self, tag: Resolve, source: Resolve) -> None:
        self._tag = tag
        self._source = source
        self._tags: dict[str, UUID] = {}
        self._sources: dict[str, UUID] = {}
        self._lock = threading.Lock()

    def tag(self, name: str) -> UUID:
        """The id of a tag; blocks.

        Raises:
            DatalakeError: the platform does not give it.
        """
        return self._known(self._tags, self._tag, name)

    def source(self, name: str) -> UUID:
        """The id of a source; blocks.

        Raises:
            DatalakeError: the platform does not give it.
        """
        return self._known(self._sources, self._source, name)

    def _known(self, known: dict[str, UUID], resolve: Resolve, name: str) -> UUID:
        with self._lock:
            if name not in known:
                known[name] = resolve(name)
            return known[name]
