"""Remarks on an upload as a whole: what it left out, converted, or sent without knowing whether it can be read."""

from __future__ import annotations

import threading
from collections import Counter

from datalake_ops.wire.media_types import ending_of, passed_over_text


class Remarks:
    """Counts of an upload, from any thread, for the notes of its report."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._passed_over = Counter[str]()
        self._left_out = Counter[str]()
        self._unsure = Counter[str]()
        self._converted = Counter[str]()
        self._documents = 0

    def pass_over(self, name: str, count: int = 1) -> None:
        """Count files of a folder that are neither images nor videos, with names of one ending."""
        with self._lock:
            self._passed_over[ending_of(name)] += count

    def leave_out(self, content_type: str) -> None:
        """Count a file that is not sent because the platform does not read its type."""
        self._count(self._left_out, content_type)

    def send_unsure(self, content_type: str) -> None:
        """Count a file of a type that a platform without announcements may not read."""
        self._count(self._unsure, content_type)

    def convert(self, content_type: str) -> None:
        """Count a file that is converted before it is sent."""
        self._count(self._converted, content_type)

    def see_document(self) -> None:
        """Count a document of several pages."""
        with self._lock:
            self._documents += 1

    @property
    def passed_over(self) -> dict[str, int]:
        """Files of folders that are neither images nor videos, by the ending of their names."""
        with self._lock:
            return dict(self._passed_over)

    def notes(self) -> list[str]:
        """Return the sentences for the report."""
        found = []
        if self._passed_over:
            found.append(f"Passed over by the ending of their names: {passed_over_text(self._passed_over)}.")
        if self._left_out:
            found.append(f"Left out, because the platform does not read them: {_listed(self._left_out)}.")
        if self._converted:
            found.append(f"Converted before they were sent: {_listed(self._converted)}.")
        if self._unsure:
            found.append(f"The platform does not say what it reads; sent as they are: {_listed(self._unsure)}.")
        if self._documents:
            found.append(f"Documents of several pages, of which the lake shows the first: {self._documents:,}.")
        return found

    def _count(self, counts: Counter[str], key: str) -> None:
        with self._lock:
            counts[key] += 1


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])))
